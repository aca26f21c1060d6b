/**
 * Work that is done once at the end of a turn of the event loop, such as writing what sessions have to say. A turn
 * handles every connection that had something to read, so a busy server does its writes in one go: the peers find all
 * answers at once, and the one that sleeps is woken once.
 */

let waiting: (() => void)[] = [];

/** Calls `work` before the event loop looks for new input. It must not throw, and is called in the order of the calls. */
export function atTurnEnd(work: () => void): void {
  if (waiting.length === 0) setImmediate(runAll);
  waiting.push(work);
}

function runAll(): void {
  const all = waiting;
  waiting = [];
  for (const work of all) work();
}
