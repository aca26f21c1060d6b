/**
 * What each login and each domain sent in the last hour and the last day. Both windows slide in steps: an hour in twelve of
 * five minutes, a day in 24 of one hour, so that what was counted leaves little by little, at most one step late. The table
 * is bounded; who sent nothing for the longest time leaves first. A clock that is set back forgets nothing, and what then
 * lies ahead of it counts until it has passed.
 */
import type { KeptRecords } from '../core/record-keeper.ts';

export const RATE_WINDOWS = ['hour', 'day'] as const;
export type RateWindow = (typeof RATE_WINDOWS)[number];

/** Messages, and their recipients. */
export interface Sent {
  readonly messages: number;
  readonly recipients: number;
}

/** One step of a window as it is saved. */
export interface RateRecord {
  /** A login (canonical address), or `@domain`. */
  readonly who: string;
  readonly window: RateWindow;
  /** When the step began, in milliseconds since 1970. */
  readonly startedAt: number;
  readonly messages: number;
  readonly recipients: number;
}

interface Step {
  readonly startedAt: number;
  messages: number;
  recipients: number;
}

type Windows = Record<RateWindow, Step[]>;

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const LENGTHS: Readonly<Record<RateWindow, { readonly stepMs: number; readonly windowMs: number }>> = {
  hour: { stepMs: 5 * MINUTE_MS, windowMs: HOUR_MS },
  day: { stepMs: HOUR_MS, windowMs: 24 * HOUR_MS },
};
/** Some 50 MB when all of them send all day. */
const MAX_SENDERS = 50_000;

export class RateTable implements KeptRecords<RateRecord> {
  readonly #maxSenders: number;
  /** In the order they last sent. */
  readonly #senders = new Map<string, Windows>();
  revision = 0;

  constructor(maxSenders = MAX_SENDERS) {
    this.#maxSenders = maxSenders;
  }

  get size(): number {
    return this.#senders.size;
  }

  /** What `who` sent in the window that ends now. */
  sentBy(who: string, window: RateWindow, now: number): Sent {
    const { windowMs } = LENGTHS[window];
    let [messages, recipients] = [0, 0];
    for (const step of this.#senders.get(who)?.[window] ?? []) {
      if (step.startedAt <= now - windowMs) continue;
      messages += step.messages;
      recipients += step.recipients;
    }
    return { messages, recipients };
  }

  /** Counts what was sent. */
  add(who: string, sent: Sent, now: number): void {
    const windows = this.#touch(who);
    for (const window of RATE_WINDOWS) {
      const { stepMs } = LENGTHS[window];
      addStep(windows[window], { startedAt: Math.floor(now / stepMs) * stepMs, ...sent });
      windows[window] = dropOld(windows[window], { window, now });
    }
    this.revision += 1;
  }

  /** Forgets what `who` sent; false when nothing was known. */
  reset(who: string): boolean {
    const isKnown = this.#senders.delete(who);
    if (isKnown) this.revision += 1;
    return isKnown;
  }

  /** All who sent something, the latest last. */
  names(): Iterable<string> {
    return this.#senders.keys();
  }

  *list(now: number): Iterable<RateRecord> {
    for (const [who, windows] of this.#senders) {
      for (const window of RATE_WINDOWS)
        for (const step of dropOld(windows[window], { window, now })) yield { who, window, ...step };
    }
  }

  restore({ who, window, ...step }: RateRecord, now: number): void {
    if (dropOld([step], { window, now }).length > 0) addStep(this.#touch(who)[window], step);
  }

  forgetAll(): void {
    this.#senders.clear();
    this.revision += 1;
  }

  #touch(who: string): Windows {
    const windows = this.#senders.get(who) ?? { hour: [], day: [] };
    this.#senders.delete(who);
    if (this.#senders.size >= this.#maxSenders) {
      const [oldest] = this.#senders.keys();
      if (oldest !== undefined) this.#senders.delete(oldest);
    }
    this.#senders.set(who, windows);
    return windows;
  }
}

function addStep(steps: Step[], { startedAt, messages, recipients }: Step): void {
  const step = steps.find((one) => one.startedAt === startedAt);
  if (step === undefined) steps.push({ startedAt, messages, recipients });
  else {
    step.messages += messages;
    step.recipients += recipients;
  }
}

/** A step counts as long as its beginning lies in the window; those ahead of the clock are bounded by it, too. */
function dropOld(steps: readonly Step[], { window, now }: { window: RateWindow; now: number }): Step[] {
  const { windowMs } = LENGTHS[window];
  return steps.filter(({ startedAt }) => startedAt > now - windowMs && startedAt <= now + windowMs);
}
