/** What the load generator says and expects, whatever the protocol. Text is latin1, one character a byte. */

/** Something sent at once, and the beginning of each reply it must bring, in order. */
export interface Step {
  /** A function gets the last reply before it. */
  readonly send: string | ((reply: string) => string);
  readonly replies: readonly string[];
}

/** Something sent before the first request, and the beginning of the reply that ends the wait. */
export interface Hello {
  readonly send: string;
  readonly until: string;
}

export interface Dialogue {
  readonly hello: readonly Hello[];
  /** Where the reply that begins at `from` ends; -1 when it is not whole. */
  readonly findEnd: (text: string, from: number) => number;
  /** The steps of one request; `serial` is never the same twice. */
  readonly makeSteps: (serial: number) => readonly Step[];
  /** Sent after a request that went wrong. */
  readonly recovery?: Step;
}

/** Protocols of lines. */
export function findLineEnd(text: string, from: number): number {
  const feed = text.indexOf('\n', from);
  return feed === -1 ? -1 : feed + 1;
}
