import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { openLogging, type Logging, type LoggingOptions } from '../../../src/log/logging.ts';

const folder = mkdtempSync(join(tmpdir(), 'postern-'));
after(() => rmSync(folder, { recursive: true }));
let count = 0;

/** Runs `use` with a log on a file of its own and gives what was written when the log was closed. */
function writeLog(options: Omit<LoggingOptions, 'fd'>, use: (logging: Logging) => void): string {
  const file = join(folder, `log-${++count}`);
  const fd = openSync(file, 'w');
  try {
    const logging = openLogging({ ...options, fd });
    use(logging);
    logging.close();
    logging.close();
    return readFileSync(file, 'utf8');
  } finally {
    closeSync(fd);
  }
}

function parseLines(text: string): Record<string, unknown>[] {
  return text
    .split('\n')
    .slice(0, -1)
    .map((line): Record<string, unknown> => JSON.parse(line));
}

describe('openLogging()', () => {
  it('writes one JSON line an event, with the fields of the session', () => {
    const text = writeLog({ level: 'info', format: 'json' }, ({ logger }) => {
      logger.child({ service: 'sasl', session: 's1' }).info('auth.accepted', { user: 'bob@example.com' }, 'Welcome');
    });
    const [line, ...others] = parseLines(text);
    assert.deepEqual(others, []);
    assert.match(String(line?.['time']), /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
    assert.deepEqual(
      { ...line, time: '' },
      {
        level: 'info',
        time: '',
        service: 'sasl',
        session: 's1',
        event: 'auth.accepted',
        user: 'bob@example.com',
        msg: 'Welcome',
      },
    );
  });

  it('writes JSON where standard output is no terminal and the format is auto', () => {
    const text = writeLog({ level: 'info', format: 'auto' }, ({ logger }) => logger.info('process.ready'));
    assert.equal(parseLines(text)[0]?.['event'], 'process.ready');
  });

  it('writes lines for people when told to', () => {
    const text = writeLog({ level: 'debug', format: 'pretty' }, ({ logger }) => {
      logger.info('lmtp.delivered', { recipient: 'bob@example.com' }, 'Stored');
      logger.debug('connection.closed');
    });
    assert.match(text, /^\[\d\d:\d\d:\d\d\.\d{3}\] INFO: lmtp\.delivered: Stored \{"recipient":"bob@example\.com"\}\n/);
    assert.match(text, /DEBUG: connection\.closed\n$/);
  });

  it('leaves out what is below the level, and follows a change in every logger', () => {
    const text = writeLog({ level: 'warn', format: 'json' }, ({ logger, setLevel }) => {
      const child = logger.child({ service: 'sasl' });
      assert.equal(child.isDebug, false);
      child.info('auth.accepted');
      child.warn('auth.fault');
      setLevel('debug');
      assert.equal(child.isDebug, true);
      child.debug('connection.closed');
      setLevel('error');
      child.warn('auth.fault');
      child.error('hash.worker-fault');
    });
    assert.deepEqual(
      parseLines(text).map((line) => line['event']),
      ['auth.fault', 'connection.closed', 'hash.worker-fault'],
    );
  });

  it('takes secrets out, in children too', () => {
    const text = writeLog({ level: 'info', format: 'json' }, ({ logger }) => {
      for (const field of ['password', 'pass', 'secret', 'resp', 'token', 'hash', 'authorization', 'cookie']) {
        logger.info('auth.rejected', { [field]: 'hunter2' });
        logger.child({ [field]: 'hunter2' }).info('auth.rejected');
      }
      logger.info('http.answered', { headers: { authorization: 'hunter2', cookie: 'hunter2', host: 'kept' } });
      logger.info('http.answered', { req: { headers: { authorization: 'hunter2', cookie: 'hunter2' } } });
    });
    assert.equal(parseLines(text).length, 18);
    assert.doesNotMatch(text, /hunter2/);
    assert.match(text, /"host":"kept"/);
  });

  it('writes a fault with its stack and its cause', () => {
    const text = writeLog({ level: 'info', format: 'json' }, ({ logger }) => {
      logger.error('auth.fault', { err: new TypeError('Cannot ask', { cause: new Error('the disk is gone') }) });
    });
    const [line] = parseLines(text);
    const fault = JSON.stringify(line?.['err']);
    assert.match(fault, /"type":"TypeError"/);
    assert.match(fault, /logging\.test\.js/);
    assert.match(fault, /the disk is gone/);
  });

  it('has written a warning when the call returns, and what came before it', () => {
    const file = join(folder, 'at-once');
    const fd = openSync(file, 'w');
    const logging = openLogging({ level: 'info', format: 'json', fd });
    logging.logger.info('auth.accepted');
    logging.logger.warn('auth.fault');
    assert.deepEqual(
      parseLines(readFileSync(file, 'utf8')).map((line) => line['event']),
      ['auth.accepted', 'auth.fault'],
    );
    logging.close();
    closeSync(fd);
  });

  it('writes what waits at the end of the turn', async () => {
    const file = join(folder, 'turn');
    const fd = openSync(file, 'w');
    const logging = openLogging({ level: 'info', format: 'json', fd });
    for (let i = 0; i < 3; i++) logging.logger.info('auth.accepted');
    assert.equal(readFileSync(file, 'utf8'), '');
    await new Promise((resolve) => setImmediate(resolve));
    assert.equal(parseLines(readFileSync(file, 'utf8')).length, 3);
    logging.close();
    closeSync(fd);
  });

  it('keeps the process going when the log cannot be written', () => {
    const fd = openSync('/dev/full', 'w');
    const logging = openLogging({ level: 'info', format: 'json', fd });
    for (let i = 0; i < 100; i++) logging.logger.warn('auth.fault', { filling: 'x'.repeat(1000) });
    logging.close();
    closeSync(fd);
  });
});

describe('a process that dies', () => {
  const program = join(import.meta.dirname, '../../support/log-and-die.js');
  const run = (manner: string) => spawnSync(process.execPath, [program, manner], { encoding: 'utf8' });

  it('loses no warning to SIGKILL', () => {
    const { signal, stdout } = run('killed-after-warn');
    assert.equal(signal, 'SIGKILL');
    assert.deepEqual(
      parseLines(stdout).map((line) => line['msg']),
      ['first', 'second'],
    );
  });

  it('loses nothing to an exception that nobody caught', () => {
    const { status, stdout } = run('uncaught');
    assert.notEqual(status, 0);
    assert.deepEqual(
      parseLines(stdout).map((line) => line['msg']),
      ['first'],
    );
  });
});
