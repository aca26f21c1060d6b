import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { takeNotifier } from '../../../src/net/notify.ts';
import { CollectingLogger } from '../../support/collecting-logger.ts';
import { temporaryFolder } from '../../support/temporary-folder.ts';
import { waitFor } from '../../support/wait.ts';
import { existsSync } from 'node:fs';

describe('takeNotifier()', () => {
  it('tells a datagram socket READY, RELOADING and STOPPING (RULES 30)', async (t) => {
    const path = join(temporaryFolder(t), 'notify');
    const receiver = spawn('socat', ['-u', `UNIX-RECV:${path}`, 'STDOUT'], { stdio: ['ignore', 'pipe', 'inherit'] });
    t.after(() => receiver.kill());
    let text = '';
    receiver.stdout.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
    await waitFor('the receiver', () => existsSync(path));

    const environment: NodeJS.ProcessEnv = { NOTIFY_SOCKET: path, PATH: process.env['PATH'] };
    const logger = new CollectingLogger();
    const notifier = takeNotifier(environment, logger);
    assert.equal(environment['NOTIFY_SOCKET'], undefined);
    await notifier.ready('5 services');
    await notifier.reloading();
    await notifier.stopping();
    await waitFor('three messages', () =>
      /READY=1\nSTATUS=5 services[^]*RELOADING=1\nMONOTONIC_USEC=\d+[^]*STOPPING=1/.test(text),
    );
    logger.assertQuiet();
  });

  it('does nothing without NOTIFY_SOCKET, and only warns when the socket is gone', async (t) => {
    const logger = new CollectingLogger();
    await takeNotifier({}, logger).ready('x');
    logger.assertQuiet();
    await takeNotifier({ NOTIFY_SOCKET: join(temporaryFolder(t), 'none'), PATH: process.env['PATH'] }, logger).ready(
      'x',
    );
    logger.assertQuiet(['process.notify-failed']);
    assert.equal(logger.of('process.notify-failed').length, 1);
  });
});
