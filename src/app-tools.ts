/** The part of `app.ts` that builds what the verbs of the command work with. */
import { makeToken, parseToken, sealToken } from './auth/app-password.ts';
import { createInquiry } from './app-login.ts';
import { HashPool } from './auth/hash-pool.ts';
import { createSystemIds, driverReaders } from './app-readers.ts';
import { readNotices } from './app-notices.ts';
import { createHasher, createMailRoots, createUsers, databasePath, type Users } from './app-users.ts';
import { listSchemes } from './auth/schemes/scheme.ts';
import { findWeakness } from './auth/schemes/stored-work.ts';
import { describeHash } from './auth/schemes/hash-facts.ts';
import type { AcceptMailRoots } from './cli/mailbox.ts';
import type { ListDomains } from './cli/postfix.ts';
import type { SchemeFacts, WithHasher } from './cli/pw.ts';
import type { SurveyedPassdb } from './cli/password-survey.ts';
import type { CliTools, NewToken } from './cli/tools.ts';
import type { Config } from './config/load-config.ts';
import { domainOf } from './core/address.ts';
import { describeError } from './core/errors.ts';
import type { Logger } from './core/logger.ts';
import { ABSENT, found, unavailable } from './core/outcome.ts';
import { checkHome, expandHome } from './directory/home.ts';
import { Resolver } from './directory/resolver.ts';
import { hideEvents } from './log/hide-events.ts';
import { readImportLines } from './store/passwd-file/import-lines.ts';
import { openSqliteAdmin } from './store/sqlite/writer.ts';

/** What `postern pw` makes where nobody says otherwise; the default of `[auth] default_scheme`. */
const NEW_PASSWORD_SCHEME = 'ARGON2ID';

/** A question about a name that nobody logs in with now. */
const NO_LOGIN = { service: '', mechanism: '', remoteAddress: '', localAddress: '', isSecured: true };

/** `openLog` is called when a verb first needs a store or a hasher. */
export function createCliTools(openLog: () => Logger): CliTools {
  return {
    openAdmin: (config, { create }) =>
      openSqliteAdmin({
        path: databasePath(config),
        create,
        logger: openLog(),
        homes: { expand: (address) => expandHome(config.mail.home, address), check: checkHome },
        makeDirectory: (source) => new Resolver({ source, recipientDelimiter: config.mail.recipientDelimiter }),
      }),
    openDirectory: (config, { isExamined } = { isExamined: false }) => {
      const logger = isExamined ? hideEvents(openLog(), ['passwd-file.line']) : openLog();
      const users = createUsers(config, logger);
      return {
        directory: users.directory,
        source: users.source,
        passwords: listPasswords(config, users),
        examine: users.examine,
        findLogin: async (name) => {
          const answers = await createInquiry({ config, users, logger }).ask(name, NO_LOGIN);
          const lookups = (answers ?? []).flatMap(({ lookup }) => (lookup === undefined ? [] : [lookup]));
          return (
            lookups.find(({ kind }) => kind === 'found') ?? lookups.find(({ kind }) => kind === 'unavailable') ?? ABSENT
          );
        },
        homeOf: (account) => account.home ?? expandHome(config.mail.home, account.address),
        close: () => users.close(),
      };
    },
    hashPassword: (config, password) => lend(createHasher(config, openLog()), (hasher) => hasher.hash(password)),
    makeAppPassword,
    describeHash,
    examineNotices: (config) => readNotices(config).faults,
    readUsersFile: (path, options) =>
      readImportLines(path, { ...options, source: path, ids: createSystemIds(), readers: driverReaders }),
  };
}

function listPasswords(config: Config, users: Users): SurveyedPassdb[] {
  return config.passdbs.map(({ name, driver, rules }, i) => {
    const passdb = users.passdbs[i];
    return {
      name,
      isOurs: driver === 'sqlite',
      isForLogins: !rules.isMaster && !rules.isDeny,
      mechanisms: rules.mechanisms,
      list: passdb?.passwords?.bind(passdb),
    };
  });
}

function makeAppPassword(): NewToken {
  const shown = makeToken();
  const token = parseToken(Buffer.from(shown));
  if (token === undefined) throw new Error('Cannot read back a new app password');
  return { shown, ...sealToken(token) };
}

/** The names of all domains of ours, in order; unavailable when a userdb cannot be read, or has no list of them. */
export function createDomainList(tools: CliTools): ListDomains {
  return async (config) => {
    const names = new Set(config.userdbs.flatMap((db) => (db.driver === 'static' ? db.domains : [])));
    const unlisted = config.userdbs.find(
      (db) => db.driver === 'sql' && db.domainQuery !== '' && db.iterateQuery === '',
    );
    if (unlisted !== undefined) {
      return unavailable(
        `[userdb ${unlisted.name}] has no iterate_query; --domains socketmap has Postfix look them up instead`,
      );
    }
    try {
      if (config.userdbs.some((db) => db.driver === 'sqlite'))
        for (const name of listStored(config, tools)) names.add(name);
      if (config.userdbs.some(({ driver }) => driver === 'passwd-file' || driver === 'sql')) {
        for await (const address of listAddresses(config, tools)) names.add(domainOf(address));
      }
    } catch (error) {
      return unavailable(describeError(error));
    }
    return names.size === 0 ? ABSENT : found([...names].toSorted());
  };
}

async function* listAddresses(config: Config, tools: CliTools): AsyncIterable<string> {
  const users = tools.openDirectory(config);
  try {
    for await (const { address } of users.source.accounts()) yield address;
  } finally {
    users.close();
  }
}

function listStored(config: Config, tools: CliTools): string[] {
  const admin = tools.openAdmin(config, { create: false });
  try {
    return admin.domains.list().map(({ name }) => name);
  } finally {
    admin.close();
  }
}

/** Lends a hasher that needs no configuration, to make and test hashes (`postern pw`). */
export function createHasherLoan(openLog: () => Logger): WithHasher {
  return (use) => lend(new HashPool({ defaultScheme: NEW_PASSWORD_SCHEME, logger: openLog() }), use);
}

/** What `postern pw` says about schemes. */
export const schemeFacts: SchemeFacts = { schemes: listSchemes(), findWeakness };

/** Remembers the mail roots as they are mounted now (RULES 8). */
export function createMailRootsAcceptance(openLog: () => Logger): AcceptMailRoots {
  return (config) => createMailRoots(config, openLog()).accept();
}

/** Starts a hasher for one use and stops it whatever happens: its threads would hold the process. */
async function lend<T>(hasher: HashPool, use: (hasher: HashPool) => Promise<T>): Promise<T> {
  await hasher.start();
  try {
    return await use(hasher);
  } finally {
    await hasher.stop();
  }
}
