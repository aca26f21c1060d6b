/** What `--json` prints: objects with two spaces, lists one element a line so that a million of them can stream. */
import type { Terminal } from './terminal.ts';

/** Prints one value. */
export function printJson(terminal: Terminal, value: unknown): void {
  terminal.out(`${JSON.stringify(value, undefined, 2)}\n`);
}

/** Prints a list as it comes. */
export async function printJsonList(
  terminal: Terminal,
  values: Iterable<unknown> | AsyncIterable<unknown>,
): Promise<void> {
  let separator = '[\n';
  for await (const value of values) {
    terminal.out(`${separator}${JSON.stringify(value)}`);
    separator = ',\n';
  }
  terminal.out(separator === '[\n' ? '[]\n' : '\n]\n');
}
