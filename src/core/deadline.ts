/** A limit for a wait: what comes late is replaced, and what still runs is left alone. */

/**
 * Gives what `work` gives, or `late()` when it takes longer than `timeoutMs`. A rejection of `work` after that is
 * swallowed: its caller has had its answer.
 */
export function settleWithin<T>(work: Promise<T>, timeoutMs: number, late: () => T): Promise<T> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => resolve(late()), timeoutMs);
    // Every answer of every service passes here: no promise more than needed.
    const settle =
      <A>(give: (answer: A) => void) =>
      (answer: A): void => {
        clearTimeout(timer);
        give(answer);
      };
    work.then(settle(resolve), settle(reject));
  });
}
