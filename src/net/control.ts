/**
 * The control socket `state_dir/control`: one JSON object a line in, one out (RULES 42). Its mode is 0600, so the
 * kernel lets only the daemon's own user and root connect. `postern reload` and `postern status` speak to it.
 */
import { createConnection } from 'node:net';
import { describeError, ProtocolError } from '../core/errors.ts';
import type { Logger } from '../core/logger.ts';
import type { Connection, Session } from './connection.ts';
import { FramedSession } from './framed-session.ts';
import { Listener } from './listener.ts';

/** A request as it stands on its line; everything beside `verb` is the verb's own. */
export type ControlRequest = Readonly<Record<string, unknown>> & { readonly verb: string };

/** `ok: false` carries the reason under `error`. */
export type ControlReply = Readonly<Record<string, unknown>> & { readonly ok: boolean };

/** What the daemon does for a verb; a throw becomes `{ ok: false, error }`. */
export type ControlHandler = (request: ControlRequest) => Promise<ControlReply>;

export type ControlHandlers = ReadonlyMap<string, ControlHandler>;

const MAX_LINE_BYTES = 64 * 1024;
const MAX_REPLY_BYTES = 1024 * 1024;
const IDLE_MS = 60_000;
const MAX_CONNECTIONS = 64;
/** A reload reads files and may migrate nothing; an answer that takes longer will not come. */
const REPLY_TIMEOUT_MS = 30_000;

/** The listener of the control socket. */
export function createControlListener(path: string, handlers: ControlHandlers, logger: Logger): Listener {
  return new Listener({
    listening: {
      endpoints: [{ kind: 'unix', path }],
      socketMode: 0o600,
      maxConnections: MAX_CONNECTIONS,
      isAllowed: () => false,
    },
    allowHalfOpen: true,
    logger,
    onConnection: (connection) => openSession(connection, handlers, logger),
  });
}

/** Asks the daemon behind `path` one thing; rejects when nobody answers in time. */
export function askControl(path: string, request: ControlRequest): Promise<ControlReply> {
  return new Promise((resolve, reject) => {
    let text = '';
    const socket = createConnection({ path }, () => socket.write(`${JSON.stringify(request)}\n`));
    socket.setEncoding('utf8');
    socket.setTimeout(REPLY_TIMEOUT_MS, () => socket.destroy(new Error('Cannot read control reply: timed out')));
    socket.on('error', reject);
    socket.on('data', (chunk: string) => {
      text += chunk;
      if (text.length > MAX_REPLY_BYTES) socket.destroy(new Error('Cannot read control reply: too long'));
      const end = text.indexOf('\n');
      if (end === -1) return;
      socket.end();
      try {
        const reply = parseObject(text.slice(0, end));
        if (isReply(reply)) resolve(reply);
        else reject(new ProtocolError('Cannot read control reply: no verdict'));
      } catch (error) {
        reject(new ProtocolError('Cannot read control reply: no JSON', { cause: error }));
      }
    });
    socket.on('close', () => reject(new Error('Cannot read control reply: connection closed')));
  });
}

function openSession(connection: Connection, handlers: ControlHandlers, logger: Logger): Session {
  const session = new FramedSession<string>({
    connection,
    logger,
    take: takeLine,
    maxFrameBytes: MAX_LINE_BYTES,
    idleMs: IDLE_MS,
    onFrame: async (line) => {
      const reply = await answer(line, handlers, logger);
      session.send(`${JSON.stringify(reply)}\n`);
    },
  });
  return session;
}

async function answer(line: string, handlers: ControlHandlers, logger: Logger): Promise<ControlReply> {
  try {
    const request = parseObject(line);
    const handler = isRequest(request) ? handlers.get(request.verb) : undefined;
    if (handler === undefined || !isRequest(request)) return { ok: false, error: 'Cannot serve request: unknown verb' };
    logger.info('control.request', { verb: request.verb });
    return await handler(request);
  } catch (error) {
    logger.warn('control.fault', { err: error });
    return { ok: false, error: describeError(error) };
  }
}

function takeLine(bytes: Buffer): { value: string; rest: Buffer } | undefined {
  const end = bytes.indexOf('\n');
  if (end === -1) return undefined;
  return { value: bytes.toString('utf8', 0, end), rest: bytes.subarray(end + 1) };
}

function parseObject(text: string): object {
  const value: unknown = JSON.parse(text);
  if (typeof value !== 'object' || value === null) throw new ProtocolError('Cannot read control line: no object');
  return value;
}

function isRequest(value: object): value is ControlRequest {
  return 'verb' in value && typeof value.verb === 'string';
}

function isReply(value: object): value is ControlReply {
  return 'ok' in value && typeof value.ok === 'boolean';
}
