/**
 * The command: arguments, signals, exit code. The only file that ends the process. The daemon's objects are built by
 * `app.ts`; here is only when: sockets first, then root is given up, then files are opened and the services begin.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { createLoginTools } from './app-login-tools.ts';
import { createQuotaReader } from './app-quota.ts';
import {
  createCliTools,
  createDomainList,
  createHasherLoan,
  createMailRootsAcceptance,
  schemeFacts,
} from './app-tools.ts';
import type { App } from './app.ts';
import { accountVerb } from './cli/account.ts';
import { aliasVerb } from './cli/alias.ts';
import { authLookupVerb } from './cli/auth-lookup.ts';
import { authPenaltiesVerb } from './cli/auth-penalties.ts';
import { authTestVerb } from './cli/auth-test.ts';
import { authVerbs } from './cli/auth-verbs.ts';
import { appPasswordVerb } from './cli/app-password.ts';
import { checkVerb } from './cli/check.ts';
import { configVerb } from './cli/config.ts';
import { daemonVerbs } from './cli/daemon.ts';
import { domainVerb } from './cli/domain.ts';
import { EXIT } from './cli/exit-codes.ts';
import { formatGuide } from './cli/guide.ts';
import { initVerb } from './cli/init.ts';
import { dropPrivileges, findIdentity, isRoot, type Identity } from './cli/privileges.ts';
import { createTerminal } from './cli/process-terminal.ts';
import { runProgram } from './cli/program.ts';
import { mailboxVerb } from './cli/mailbox.ts';
import { postfixVerb } from './cli/postfix.ts';
import { pwVerb } from './cli/pw.ts';
import { rateVerb } from './cli/rate.ts';
import { quotaVerb } from './cli/quota.ts';
import { serveVerb, type ServeOptions } from './cli/serve.ts';
import { userVerb } from './cli/user.ts';
import { loadConfig, type Config } from './config/load-config.ts';
import { ConfigError } from './core/errors.ts';
import type { Logger } from './core/logger.ts';
import { openLogging } from './log/logging.ts';
import { askControl } from './net/control.ts';
import { takeNotifier, type Notifier } from './net/notify.ts';
import { takePassedSockets } from './net/passed-sockets.ts';

/** What is made is for us and our group; sockets and files that need less or more get their modes where they are made. */
const UMASK = 0o007;

/** An unhandled fault has no state to save: the messages are on disk or still with Postfix. */
const EXIT_AFTER_FAULT = 1;
const EXIT_AFTER_SECOND_SIGNAL = 1;

const version = readVersion();
const terminal = createTerminal({ input: process.stdin, output: process.stdout, errors: process.stderr });

const tools = createCliTools(openVerbLog);
const logins = createLoginTools(openVerbLog);
const listDomains = createDomainList(tools);

process.umask(UMASK);
process.exitCode = await runProgram(process.argv.slice(2), {
  verbs: [
    serveVerb(runDaemon),
    daemonVerbs(askControl),
    initVerb(tools),
    checkVerb(tools),
    configVerb,
    domainVerb(tools),
    accountVerb(tools),
    appPasswordVerb(tools),
    aliasVerb(tools),
    authVerbs([authTestVerb(logins), authLookupVerb(logins), authPenaltiesVerb(askControl)]),
    rateVerb(askControl),
    userVerb(tools),
    quotaVerb({ tools, ask: askControl, openHere: createQuotaReader(openVerbLog) }),
    mailboxVerb(createMailRootsAcceptance(openVerbLog)),
    pwVerb(createHasherLoan(openVerbLog), schemeFacts),
    postfixVerb(listDomains),
  ],
  terminal,
  environment: process.env,
  version,
  onConfig: dropForConfig,
});

/** Verbs speak through the terminal; what a store has to say while they work goes to standard error. */
function openVerbLog(): Logger {
  return openLogging({ level: 'warn', format: 'pretty', fd: process.stderr.fd }).logger;
}

/** Runs the daemon until a signal or a fault; the exit code. */
async function runDaemon({ configPath, hasGuide }: ServeOptions): Promise<number> {
  const config = loadConfig({ path: configPath });
  const identity = findConfiguredIdentity(config);
  const logging = openLogging(config.log);
  const { logger } = logging;
  const notifier = takeNotifier(process.env, logger);
  const passed = takePassedSockets(process.env, process.pid);
  const ending = watchEnd(logger);
  const reloads = watchReload(notifier, logger);
  logger.info('process.starting', { pid: process.pid, config: config.file, version });

  // Loaded here: a verb needs none of the services.
  const { createApp } = await import('./app.ts');
  const app = createApp({ config, logging, passed, identity, version });
  try {
    await app.bind();
    if (identity !== undefined) {
      dropPrivileges(identity);
      logger.info('privileges.dropped', { user: identity.user, uid: identity.uid, gid: identity.gid });
    } else if (isRoot()) {
      logger.warn(
        'privileges.kept',
        {},
        'Running as root: set [postern] user, and root is given up before anything is read',
      );
    }
    await app.start();
    if (hasGuide) terminal.out(await writeGuide(config));
    logger.info('process.ready', { startMs: Math.round(process.uptime() * 1000) }, 'Postern is ready');
    await notifier.ready('serving');
    reloads.begin(app);
    const code = await ending;
    reloads.end();
    logger.info('process.stopping');
    await notifier.stopping();
    return code;
  } catch (error) {
    logger.error('process.fault', { err: error }, 'Cannot start');
    return error instanceof ConfigError ? EXIT.configuration : EXIT.temporary;
  } finally {
    await app.stop();
    logger.info('process.stopped');
    logging.close();
    // Whatever still holds the process has had its time: sessions got their grace, the store is closed.
    setImmediate(() => process.exit());
  }
}

async function writeGuide(config: Config): Promise<string> {
  const domains = await listDomains(config);
  return formatGuide(config, domains.kind === 'found' ? domains.value : []);
}

/** Settles with the exit code at the first signal or unhandled fault; a second signal ends the process at once. */
function watchEnd(logger: Logger): Promise<number> {
  return new Promise((resolve) => {
    let signals = 0;
    const onSignal = (signal: NodeJS.Signals): void => {
      signals += 1;
      if (signals > 1) process.exit(EXIT_AFTER_SECOND_SIGNAL);
      logger.info('process.signal', { signal });
      resolve(EXIT.ok);
    };
    process.on('SIGTERM', onSignal);
    process.on('SIGINT', onSignal);
    const onFault = (error: unknown): void => {
      logger.error('process.fault', { err: error }, 'A fault nobody handled; stopping');
      resolve(EXIT_AFTER_FAULT);
    };
    process.on('uncaughtException', onFault);
    process.on('unhandledRejection', onFault);
  });
}

/**
 * Reloads at SIGHUP, one after the other. From the first moment, since a SIGHUP nobody listens for ends the process; what
 * comes before `begin` waits for it.
 */
function watchReload(notifier: Notifier, logger: Logger): { begin: (app: App) => void; end: () => void } {
  let running: App | undefined;
  let isWanted = false;
  let last: Promise<unknown> = Promise.resolve();
  const reload = async (): Promise<void> => {
    if (running === undefined) return;
    await notifier.reloading();
    try {
      await running.reload({ accept: false });
    } catch (error) {
      logger.error('process.fault', { err: error }, 'Cannot reload; what was in use stays');
    }
    await notifier.ready('serving');
  };
  const onSignal = (): void => {
    if (running === undefined) isWanted = true;
    else last = last.then(reload);
  };
  process.on('SIGHUP', onSignal);
  return {
    begin: (app) => {
      running = app;
      if (isWanted) onSignal();
    },
    end: () => {
      running = undefined;
    },
  };
}

/** Verbs give root up before they open anything that the configuration names (RULES 42). */
function dropForConfig(config: Config): void {
  const identity = findConfiguredIdentity(config);
  if (identity !== undefined) dropPrivileges(identity);
}

function findConfiguredIdentity(config: Config): Identity | undefined {
  const { user, group } = config.postern;
  if (!isRoot() || user === undefined) return undefined;
  try {
    return findIdentity(user, group ?? '');
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    throw new ConfigError(
      [{ file: config.file, section: 'postern', key: 'user', value: user, reason: error.message }],
      { cause: error },
    );
  }
}

function readVersion(): string {
  const text = readFileSync(join(import.meta.dirname, '..', '..', 'package.json'), 'utf8');
  const manifest: unknown = JSON.parse(text);
  if (typeof manifest !== 'object' || manifest === null || !('version' in manifest)) return 'unknown';
  return String(manifest.version);
}
