/** Waiting without fixed sleeps. */
import assert from 'node:assert/strict';

const STEP_MS = 5;
/** Far beyond what anything takes, so that a busy machine fails nothing. */
const LIMIT_MS = 30_000;

/** Polls until `condition` holds; fails with `what` after `limitMs`. */
export async function waitFor(
  what: string,
  condition: () => boolean | Promise<boolean>,
  limitMs = LIMIT_MS,
): Promise<void> {
  const deadline = Date.now() + limitMs;
  while (!(await condition())) {
    assert.ok(Date.now() < deadline, `waited ${limitMs} ms for: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, STEP_MS));
  }
}
