/**
 * Builds every object of the daemon by hand (with `app-users.ts` and `app-services.ts`) and plugs each port with what
 * fits it; nothing else knows them all. It decides nothing. Starting pushes an undo for each step, and a failed start
 * and a stop both run them backwards.
 */
import { chown } from 'node:fs/promises';
import { join } from 'node:path';
import { createOverQuotaRule } from './app-over-quota.ts';
import { createQuotaHandler } from './app-quota.ts';
import { createNotices } from './app-notices.ts';
import { createServices, type Services } from './app-services.ts';
import { createMail, createUpdates, createUsers, type Users } from './app-users.ts';
import { CONTROL_SOCKET } from './cli/daemon.ts';
import type { Identity } from './cli/privileges.ts';
import { compareConfigs } from './config/compare.ts';
import { loadConfig, type Config } from './config/load-config.ts';
import { formatEndpoint } from './core/endpoint.ts';
import { ConfigError, formatConfigFault } from './core/errors.ts';
import type { Logger } from './core/logger.ts';
import { UndoStack } from './core/undo.ts';
import type { Logging } from './log/logging.ts';
import { createControlListener, type ControlHandler, type ControlReply } from './net/control.ts';
import type { Listener } from './net/listener.ts';
import { findUnclaimed, type PassedSockets } from './net/passed-sockets.ts';

export interface AppOptions {
  readonly config: Config;
  readonly logging: Logging;
  readonly passed: PassedSockets;
  /** Whom the process becomes between `bind` and `start`; undefined when it stays who it is. */
  readonly identity: Identity | undefined;
  readonly version: string;
}

/** The daemon. `bind`, then whatever must happen before the first byte is read, then `start`. */
export interface App {
  /** Takes every socket or none; nothing is read from them. */
  bind(): Promise<void>;
  start(): Promise<void>;
  /** Drains, then releases everything; also after a failed start. Twice is harmless. */
  stop(): Promise<void>;
  /** Takes a changed configuration and users files over, all or nothing; the reply of `postern reload`. */
  reload(options: { readonly accept: boolean }): Promise<ControlReply>;
}

/** The control socket needs no long goodbye. */
const CONTROL_GRACE_MS = 1000;
/** For chown(2): leave it as it is. */
const SAME_GROUP = -1;

export function createApp(options: AppOptions): App {
  const { config, logging, passed, identity } = options;
  const { logger } = logging;
  const undos = new UndoStack();
  const mailLogger = logger.child({ service: 'mail' });
  const overQuota = createOverQuotaRule(config, {
    logger: mailLogger,
    findAccount: (address) => users.directory.findAccount(address),
    meter: () => mail.meter,
    sender: () => notices.sender,
  });
  const users = createUsers(config, logger, overQuota?.restraint);
  const { directory, source } = users;
  const notices = createNotices(config, { logger: mailLogger, directory, store: () => mail.store });
  const mail = createMail(config, {
    logger: mailLogger,
    identity,
    source,
    onUsage: joinListeners(notices.onUsage, overQuota?.onUsage),
  });
  const updates = createUpdates(config, logger);
  const services = createServices({ config, logger, passed, users, mail, notices, updates });
  const running = [...services.running.values()];
  const reload = createReload({ ...options, users, services });
  const control = createControlListener(
    join(config.postern.stateDir, CONTROL_SOCKET),
    new Map<string, ControlHandler>([
      ['reload', (request) => reload({ accept: request['accept'] === true })],
      ['status', () => Promise.resolve(describeStatus(options, services))],
      ...services.limits.handlers,
      ...services.rates.handlers,
      ...createQuotaHandler({ meter: mail.meter, findAccount: directory.findAccount.bind(directory) }),
    ]),
    logger.child({ service: 'control' }),
  );

  return {
    reload,
    async bind() {
      for (const name of findUnclaimed(passed, [...services.running.keys()]))
        logger.warn('listener.fault', { name }, 'systemd passes a socket under a FileDescriptorName= of no service');
      for (const { service } of running) {
        undos.push('sockets', () => service.stop(0));
        await service.bind();
      }
      if (identity !== undefined) await giveSockets(identity, services, passed);
    },
    async start() {
      users.migrate();
      users.secrets.open();
      undos.push('users', () => users.close());
      undos.push('updates', () => updates.stop());
      undos.push('hashes', () => services.hasher.stop());
      undos.push('mail', () => mail.stop());
      undos.push('notices', () => notices.stop());
      undos.push('over quota', () => overQuota?.stop());
      undos.push('penalties', () => services.limits.keeper?.stop());
      for (const keeper of services.rates.keepers) undos.push('rates', () => keeper.stop());
      undos.push('control', () => control.stop(CONTROL_GRACE_MS));
      await Promise.all([
        services.hasher.start(),
        services.limits.keeper?.start(),
        overQuota?.start(),
        ...services.rates.keepers.map((keeper) => keeper.start()),
        mail.store.start(),
        startControl(control, logger),
        ...users.files().map((file) => file.reload({ accept: false })),
      ]);
      undos.push('services', async () => {
        await Promise.all(running.map(({ service }) => service.stop(config.postern.graceMs)));
      });
      for (const { service } of running) await service.start();
    },
    stop: () => undos.run((step, error) => logger.error('process.fault', { step, err: error }, 'Cannot stop cleanly')),
  };
}

/** One listener for all that listen; undefined when nobody does. */
function joinListeners<Args extends readonly unknown[]>(
  ...listeners: readonly (((...args: Args) => void) | undefined)[]
): ((...args: Args) => void) | undefined {
  const [first, ...others] = listeners.filter((listener) => listener !== undefined);
  if (first === undefined || others.length === 0) return first;
  return (...args) => {
    for (const listener of [first, ...others]) listener(...args);
  };
}

/**
 * The unix sockets were bound by root; their owner becomes the user we run as, so that it can remove them. The group is
 * the directory's business (setgid), and what systemd passed stays as it is.
 */
async function giveSockets(identity: Identity, services: Services, passed: PassedSockets): Promise<void> {
  for (const [name, { endpoints }] of services.running) {
    if (passed.has(name)) continue;
    for (const endpoint of endpoints)
      if (endpoint.kind === 'unix') await chown(endpoint.path, identity.uid, SAME_GROUP);
  }
}

/** A directory of a long name has room for no socket; that must not keep mail from flowing. */
async function startControl(control: Listener, logger: Logger): Promise<void> {
  try {
    await control.start();
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    logger.warn('control.fault', { err: error }, '"postern reload" and "postern status" cannot reach us; SIGHUP can');
  }
}

function createReload({
  config,
  logging,
  users,
  services,
}: AppOptions & { users: Users; services: Services }): App['reload'] {
  const { logger } = logging;
  let current = config;
  return async ({ accept }) => {
    const next = readAgain(config.file, logger);
    if (next.kind === 'faulty') return { ok: false, error: next.faults.join('\n') };
    const changes = compareConfigs(current, next.config);
    current = next.config;
    logging.setLevel(current.log.level);
    services.sasl.reload({ mechanisms: current.auth.mechanisms, failureDelayMs: current.auth.failureDelayMs });
    const kept = await reloadFiles(users, accept);
    logger.info('config.reloaded', { changed: changes.live, kept }, 'The configuration was read again');
    const waiting = compareConfigs(config, current).restart;
    if (waiting.length > 0)
      logger.warn('config.restart-needed', { settings: waiting }, 'Changed settings wait for a restart');
    const report = { changed: changes.live, waitingForRestart: waiting };
    return kept.length === 0 ? { ok: true, ...report } : { ok: false, ...report, error: kept.join('\n') };
  };
}

/** Why users files were not taken over, if any. */
async function reloadFiles(users: Users, accept: boolean): Promise<string[]> {
  const reloads = users.files().map(async (file) => ({ path: file.path, outcome: await file.reload({ accept }) }));
  const outcomes = await Promise.all(reloads);
  return outcomes.flatMap(({ path, outcome }) => (outcome.kind === 'kept' ? [`${path}: ${outcome.reason}`] : []));
}

type Reread =
  { readonly kind: 'good'; readonly config: Config } | { readonly kind: 'faulty'; readonly faults: readonly string[] };

/** Reads the configuration again; a faulty one is logged and the present one stays (DESIGN 1.9). */
function readAgain(path: string, logger: Logger): Reread {
  try {
    return { kind: 'good', config: loadConfig({ path }) };
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    const faults = error.faults.map(formatConfigFault);
    logger.error('config.rejected', { faults }, 'The configuration is wrong; the one in use stays');
    return { kind: 'faulty', faults };
  }
}

function describeStatus({ config, version }: AppOptions, services: Services): ControlReply {
  const running = [...services.running].map(([name, { endpoints, counters }]) => {
    const described = Object.entries(counters).map(([key, value]: [string, unknown]) => [
      key,
      value instanceof Map ? Object.fromEntries(value) : value,
    ]);
    return [name, { listen: endpoints.map(formatEndpoint), ...Object.fromEntries(described) }];
  });
  return {
    ok: true,
    version,
    pid: process.pid,
    config: config.file,
    uptimeSeconds: Math.round(process.uptime()),
    residentMegabytes: Math.round(process.memoryUsage.rss() / 1024 ** 2),
    services: Object.fromEntries(running),
    logins: services.describeLogins(),
    limits: services.limits.describe(),
  };
}
