/**
 * The thread of one foreign SQLite file: a task in, one answer out; long lists of names in pieces, so that the main thread
 * is not held up by any of them. `sqlite-thread.ts` starts, feeds and ends it.
 */
import { parentPort, workerData } from 'node:worker_threads';
import type { SqlAnswer } from './engine.ts';
import { SqliteFile, type SqlTask, type SqlValue } from './sqlite-file.ts';

export interface SqlRequest extends SqlTask {
  readonly id: number;
}

export interface SqlReply {
  readonly id: number;
  readonly answer: SqlAnswer<SqlValue>;
  /** More of the same list follows. */
  readonly isPart: boolean;
}

/** Less than a millisecond to take in. */
const NAMES_PER_MESSAGE = 1000;

const port = parentPort;
const file = new SqliteFile(String(workerData));

port?.on('message', ({ id, ...task }: SqlRequest) => {
  const answer = file.answer(task);
  if (answer.kind === 'failed' || task.want !== 'names' || !Array.isArray(answer.value)) {
    post({ id, answer, isPart: false });
    return;
  }
  const names: readonly string[] = answer.value;
  let at = 0;
  do {
    const value = names.slice(at, at + NAMES_PER_MESSAGE);
    at += NAMES_PER_MESSAGE;
    post({ id, answer: { kind: 'answered', value }, isPart: at < names.length });
  } while (at < names.length);
});

function post(reply: SqlReply): void {
  port?.postMessage(reply);
}
