/**
 * A whole SASL service on a unix socket in a folder of its own: real authenticator, real hashing, passwords in memory.
 * Knows bob (password `secret`), zoë (`pässword`), nopass (any password), off (suspended) and outage (cannot tell), all
 * `@example.com`.
 */
import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { createConnection, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { DelaySlots } from '../../src/auth/delay-slots.ts';
import { HashPool } from '../../src/auth/hash-pool.ts';
import type { Authenticator } from '../../src/auth/login.ts';
import type { MechanismWorld } from '../../src/auth/mechanisms/mechanism.ts';
import { parseNetworks } from '../../src/auth/networks.ts';
import { SaslService, type SaslOptions } from '../../src/service/sasl/service.ts';
import { CollectingLogger } from './collecting-logger.ts';
import { createLoginCore, stepOf } from './login-core.ts';
import { MemoryPassdb } from './memory-passdb.ts';

export interface SaslServer {
  readonly service: SaslService;
  readonly passdb: MemoryPassdb;
  readonly logger: CollectingLogger;
  readonly path: string;
  readonly connect: () => Socket;
  readonly stop: () => Promise<void>;
}

const GRACE_MS = 2000;

/** Starts the service; `authenticator` and `world` replace the real ones, `slots` are those it shares with the first. */
export async function startSaslServer(
  options: Partial<SaslOptions> = {},
  replaced: { authenticator?: Authenticator | undefined; world?: MechanismWorld; slots?: DelaySlots } = {},
): Promise<SaslServer> {
  const folder = mkdtempSync(join(tmpdir(), 'postern-sasl-'));
  const path = join(folder, 'auth');
  const logger = new CollectingLogger();
  const passdb = new MemoryPassdb();
  passdb.set('bob@example.com', '{PLAIN}secret');
  passdb.set('zoë@example.com', '{PLAIN}pässword');
  passdb.set('nopass@example.com', undefined, { isPasswordless: true });
  passdb.set('off@example.com', '{PLAIN}secret', { canLogin: false });
  const hasher = new HashPool({ defaultScheme: 'SSHA256', workerCount: 1, logger });
  const authenticator = createLoginCore({
    steps: [stepOf(passdb)],
    trustedNetworks: parseNetworks([]),
    cacheTtlMs: 0,
    cacheMaxEntries: 0,
    hasher,
    logger,
  });
  const service = new SaslService(
    {
      endpoints: [{ kind: 'unix', path }],
      socketMode: 0o660,
      maxConnections: 1024,
      isAllowed: () => false,
      mechanisms: ['PLAIN', 'LOGIN'],
      failureDelayMs: 100,
      ...options,
    },
    {
      authenticator: replaced.authenticator ?? authenticator,
      world: replaced.world ?? { random: randomBytes, now: Date.now, hostname: 'mail.example.com', realms: [] },
      ...(replaced.slots === undefined ? {} : { slots: replaced.slots }),
      logger,
    },
  );
  await hasher.start();
  await service.bind();
  await service.start();
  return {
    service,
    passdb,
    logger,
    path,
    connect: () => createConnection({ path }),
    stop: async () => {
      await service.stop(GRACE_MS);
      await hasher.stop();
      rmSync(folder, { recursive: true });
    },
  };
}
