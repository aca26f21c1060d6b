/**
 * A process of its own (`--expose-gc`, so that garbage does not count): the SASL service as `app.ts` wires it, and a client
 * that guesses. Only the hash that new passwords would have is a fast one: a slow one for each guess (RULES 40) is
 * hours. Arguments: a folder, and the numbers of guesses after which to look. Prints the bytes in use at each as JSON.
 */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { openSync, writeFileSync } from 'node:fs';
import { createConnection, type Socket } from 'node:net';
import { join } from 'node:path';
import { createLimits } from '../../src/app-limits.ts';
import { createAuthenticator } from '../../src/app-login.ts';
import { createUsers } from '../../src/app-users.ts';
import { NO_UPDATES } from '../../src/auth/account-updates.ts';
import { HashPool } from '../../src/auth/hash-pool.ts';
import { loadConfig } from '../../src/config/load-config.ts';
import { openLogging } from '../../src/log/logging.ts';
import { SaslService } from '../../src/service/sasl/service.ts';
import { openAdmin } from '../store/engines.ts';

const BATCH = 50;
const USERS = 1000;
/** Every so manieth guess is at a user who is there. */
const KNOWN_EVERY = 10;

const [folder = '', ...marks] = process.argv.slice(2);

async function main(counts: readonly number[]): Promise<void> {
  const { service, stop } = await startService();
  const socket = createConnection(join(folder, 'auth'));
  const guesser = new Guesser(socket);
  const used: number[] = [];
  for (const count of counts) {
    await guesser.guess(count);
    assert.ok(globalThis.gc !== undefined, 'node --expose-gc');
    // What the first only finds to be free, the second takes.
    globalThis.gc();
    globalThis.gc();
    const { heapUsed, external } = process.memoryUsage();
    used.push(heapUsed + external);
  }
  assert.equal(service.counters.rejectedCount, counts.at(-1));
  socket.destroy();
  await stop();
  process.stdout.write(`${JSON.stringify(used)}\n`);
}

async function startService(): Promise<{ service: SaslService; stop: () => Promise<void> }> {
  const users = Array.from({ length: USERS }, (_, i) => `user${i}@example.test:{PLAIN}secret::::::\n`);
  writeFileSync(join(folder, 'users'), users.join(''));
  const admin = openAdmin(join(folder, 'postern.db'));
  await admin.domains.add('example.test', {});
  admin.close();
  const ini = join(folder, 'postern.ini');
  writeFileSync(
    ini,
    [
      `[postern]\nhostname = mx.example.test\nstate_dir = ${folder}`,
      `[mail]\nhome = ${folder}/mail/%d/%n`,
      `[passdb users]\ndriver = passwd-file\npath = ${folder}/users`,
      '[passdb local]\ndriver = sqlite\n[userdb local]\ndriver = sqlite\n',
    ].join('\n'),
  );
  const config = loadConfig({ path: ini });
  const { logger, close } = openLogging({ level: 'info', format: 'json', fd: openSync('/dev/null', 'w') });
  const hasher = new HashPool({ defaultScheme: 'SSHA256', workerCount: 1, logger });
  const stores = createUsers(config, logger);
  const { limits, slots, keeper } = createLimits({ config, logger, countUrgentHashes: () => hasher.urgentCount });
  await keeper?.start();
  const mechanisms = ['PLAIN', 'LOGIN'];
  const authenticator = createAuthenticator({
    config,
    logger,
    users: stores,
    hasher,
    limits,
    waitingRoom: slots,
    updates: NO_UPDATES,
    listMechanisms: () => mechanisms,
  });
  const service = new SaslService(
    {
      endpoints: [{ kind: 'unix', path: join(folder, 'auth') }],
      socketMode: 0o660,
      maxConnections: 10,
      isAllowed: () => false,
      mechanisms,
      failureDelayMs: 0,
    },
    {
      authenticator,
      world: { random: randomBytes, now: Date.now, hostname: 'mx.example.test', realms: [] },
      slots,
      logger,
    },
  );
  await service.bind();
  await service.start();
  const stop = async (): Promise<void> => {
    await service.stop(0);
    await keeper?.stop();
    await hasher.stop();
    stores.close();
    close();
  };
  return { service, stop };
}

/** Sends guesses in batches, each at a user of its own from a network of its own. */
class Guesser {
  readonly #socket: Socket;
  #serial = 0;
  /** Replies that are still to come. */
  #missing = 0;
  #wake: () => void = () => undefined;

  constructor(socket: Socket) {
    this.#socket = socket;
    socket.setEncoding('latin1').on('data', (text: string) => {
      this.#missing -= text.split('FAIL\t').length - 1;
      if (this.#missing <= 0) this.#wake();
    });
    socket.write('VERSION\t1\t1\nCPID\t1\n');
  }

  /** Guesses until there have been `count` since the start. */
  async guess(count: number): Promise<void> {
    if (this.#serial === 0) await once(this.#socket, 'connect');
    while (this.#serial < count) {
      let text = '';
      this.#missing = Math.min(BATCH, count - this.#serial);
      for (let i = 0; i < this.#missing; i++) text += this.#next();
      const answered = new Promise<void>((resolve) => (this.#wake = resolve));
      this.#socket.write(text);
      await answered;
    }
  }

  #next(): string {
    this.#serial += 1;
    const serial = this.#serial;
    const user = serial % KNOWN_EVERY === 0 ? `user${(serial / KNOWN_EVERY) % USERS}` : `guess${serial}`;
    const network = `2a00:${(serial >>> 16).toString(16)}:${(serial & 0xffff).toString(16)}`;
    const response = Buffer.from(`\0${user}@example.test\0guess ${serial}`).toString('base64');
    return `AUTH\t${serial}\tPLAIN\tservice=smtp\trip=${network}::7\tsecured\tresp=${response}\n`;
  }
}

await main(marks.map(Number));
