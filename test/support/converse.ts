/** Raw conversations with a service: bytes in, whatever comes back, until the test has what it waits for. */
import { connect, type NetConnectOpts, type Socket } from 'node:net';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

export interface Heard {
  readonly text: string;
  readonly isClosed: boolean;
}

const LIMIT_MS = 10_000;

/** Sends `bytes`, waits until `isDone` or the peer closes, and hangs up. Gives what came; rejects when nothing ends it. */
export function converse(
  target: NetConnectOpts,
  bytes: Buffer | string,
  isDone: (text: string) => boolean,
): Promise<Heard> {
  return new Promise((resolve, reject) => {
    const socket: Socket = connect(target);
    let text = '';
    const timer = setTimeout(
      () => settle(new Error(`No end of conversation; came: ${JSON.stringify(text)}`)),
      LIMIT_MS,
    );
    const settle = (result: Heard | Error): void => {
      clearTimeout(timer);
      socket.destroy();
      if (result instanceof Error) reject(result);
      else resolve(result);
    };
    socket.setEncoding('utf8');
    socket.on('error', () => undefined);
    socket.on('data', (chunk: string) => {
      text += chunk;
      if (isDone(text)) settle({ text, isClosed: false });
    });
    socket.once('close', () => settle({ text, isClosed: true }));
    // Written first: what is neither answered nor refused must at least have been sent.
    socket.write(bytes, () => {
      if (isDone(text)) settle({ text, isClosed: false });
    });
  });
}

/** Bytes of the heap in use after a collection. */
export function usedHeapBytes(): number {
  setFlagsFromString('--expose-gc');
  const collect: unknown = runInNewContext('gc');
  if (typeof collect === 'function') collect();
  return process.memoryUsage().heapUsed;
}
