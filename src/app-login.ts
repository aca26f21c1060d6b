/**
 * The part of `app.ts` that builds the login core from the configuration: for the daemon, and for the command that says
 * what the daemon would.
 */
import type { AccountUpdates } from './auth/account-updates.ts';
import type { WaitingRoom } from './auth/attempt-desk.ts';
import type { AttemptLimits } from './auth/attempt-limits.ts';
import { PasswordAuthenticator } from './auth/authenticator.ts';
import type { ChainStep } from './auth/chain-step.ts';
import { withFields } from './auth/field-rules.ts';
import { HashUpgrade } from './auth/hash-upgrade.ts';
import type { Hasher } from './auth/hasher.ts';
import { PassdbInquiry } from './auth/passdb-inquiry.ts';
import { parseNetworks } from './auth/networks.ts';
import { isSurelyWhole, needsUpgrade } from './auth/schemes/upgrade.ts';
import { UsernameReader } from './auth/username.ts';
import type { Users } from './app-users.ts';
import type { PassdbConfig } from './config/config.ts';
import type { Config } from './config/load-config.ts';
import { systemClock } from './core/clock.ts';
import type { Logger } from './core/logger.ts';
import { ACCOUNT_VARIABLES, listVariables } from './core/variables.ts';

export interface LoginParts {
  readonly config: Config;
  readonly logger: Logger;
  readonly users: Users;
  readonly hasher: Hasher;
  readonly limits: AttemptLimits;
  readonly waitingRoom: WaitingRoom;
  /** What a login changes in the embedded database. */
  readonly updates: AccountUpdates;
  /** The mechanisms that are offered now. */
  readonly listMechanisms: () => readonly string[];
}

/** The purpose of the secret that invented credentials come from; another word makes them all new. */
const PROOF_KEY = 'invented-credentials';
/** What is told apart by every cache: these need not be named. */
const ALWAYS_TOLD_APART: readonly string[] = [...ACCOUNT_VARIABLES, 'service'];

export function createAuthenticator(parts: LoginParts): PasswordAuthenticator {
  const { config, logger, users, hasher, limits, waitingRoom, updates } = parts;
  const { auth } = config;
  const usernames = createUsernameReader(config);
  return new PasswordAuthenticator(
    {
      steps: createSteps(parts),
      usernames,
      disablePlaintextAuth: auth.disablePlaintextAuth,
      trustedNetworks: parseNetworks(auth.trustedNetworks),
      areAppPasswordsRequired: auth.appPasswordsRequired,
      anonymousUsername: auth.anonymousUsername,
      cacheTtlMs: auth.cacheTtlMs,
      cacheMaxEntries: auth.cacheSize,
    },
    {
      hasher,
      limits,
      waitingRoom,
      updates,
      upgrade: auth.upgradeScheme ? createUpgrade(parts) : undefined,
      findAccount: (address) => users.directory.findAccount(address),
      proofKey: () => users.secrets.deriveKey(PROOF_KEY),
      logger,
      clock: systemClock,
    },
  );
}

/** What passdbs say of a name without a password, for the command. */
export function createInquiry(parts: Pick<LoginParts, 'config' | 'users' | 'logger'>): PassdbInquiry {
  return new PassdbInquiry({ steps: createSteps(parts), usernames: createUsernameReader(parts.config) });
}

function createUsernameReader({ auth }: Config): UsernameReader {
  return new UsernameReader({
    format: auth.usernameFormat,
    allowedCharacters: auth.usernameChars,
    translation: auth.usernameTranslation,
    defaultDomain: auth.defaultDomain,
    masterSeparator: auth.authMasterUserSeparator,
  });
}

function createUpgrade({ config, hasher, updates, logger, listMechanisms }: LoginParts): HashUpgrade {
  const scheme = config.auth.defaultScheme;
  return new HashUpgrade({
    hasher,
    updates,
    logger,
    needsUpgrade: (stored, password) =>
      needsUpgrade(stored, { scheme, offeredMechanisms: listMechanisms() }) && isSurelyWhole(stored, password),
  });
}

/** The passdbs in the order of the configuration, each with the rules of its section. */
function createSteps({ config, users, logger }: Pick<LoginParts, 'config' | 'users' | 'logger'>): ChainStep[] {
  return config.passdbs.flatMap((db, i) => {
    const passdb = users.passdbs[i];
    if (passdb === undefined) return [];
    const { defaultFields, overrideFields, ...rules } = db.rules;
    return [
      {
        passdb: withFields(passdb, { name: db.name, defaultFields, overrideFields, logger }),
        rules: { ...rules, variables: listPlayingAPart(db) },
      },
    ];
  });
}

/** The variables that a passdb's answers depend on beside the name and the service. */
function listPlayingAPart(db: PassdbConfig): string[] {
  const { usernameFormat, defaultFields, overrideFields } = db.rules;
  const fields = [...defaultFields, ...overrideFields, ...(db.driver === 'static' ? db.fields : [])];
  const templates = [usernameFormat, ...fields.map(({ value }) => value)];
  if (db.driver === 'sql') templates.push(db.passwordQuery);
  if (db.driver === 'passwd-file') templates.push(db.path);
  const names = new Set(templates.flatMap(listVariables));
  return [...names].filter((name) => !ALWAYS_TOLD_APART.includes(name));
}
