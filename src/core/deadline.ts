/** A limit for a wait: what comes late is replaced, and what still runs is left alone. */

/**
 * Gives what `work` gives, or `late()` when it takes longer than `timeoutMs`. A rejection of `work` after that is
 * swallowed: its caller has had its answer.
 */
export function settleWithin<T>(work: Promise<T>, timeoutMs: number, late: () => T): Promise<T> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => resolve(late()), timeoutMs);
    work.then(resolve, reject).finally(() => clearTimeout(timer));
  });
}
