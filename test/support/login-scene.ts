/**
 * A login core with one passdb in memory, a hasher that counts what it is asked for, and a clock that stands. The stored
 * scheme {SHA512-CRYPT} is slow, {PLAIN} is fast; both hold the password itself, so that nothing takes time.
 */
import type { AccountUpdates } from '../../src/auth/account-updates.ts';
import type { Attempt, AttemptLimits, AttemptVerdict } from '../../src/auth/attempt-limits.ts';
import type { PasswordAuthenticator } from '../../src/auth/authenticator.ts';
import type { Hasher, HashOptions, HashVerdict } from '../../src/auth/hasher.ts';
import type { LoginContext, LoginOutcome, PasswordLogin } from '../../src/auth/login.ts';
import { CollectingLogger } from './collecting-logger.ts';
import { createLoginCore, stepOf, type LoginCoreOptions } from './login-core.ts';
import { MemoryPassdb } from './memory-passdb.ts';

export const BOB = 'bob@example.com';
export const CONTEXT: LoginContext = {
  service: 'smtp',
  mechanism: 'PLAIN',
  remoteAddress: '198.51.100.7',
  localAddress: '192.0.2.1',
  isSecured: true,
};

/** Compares plainly and writes down what it was asked. */
export class CountingHasher implements Hasher {
  readonly verified: string[] = [];
  readonly options: (HashOptions | undefined)[] = [];
  spentCount = 0;
  derivedCount = 0;
  /** Set it and every answer is this. */
  verdict: HashVerdict | undefined;
  /** What `hash` makes; set it to an error and it rejects. */
  made: string | Error = '{ARGON2ID}made';

  /** Slow hashes it was asked for since the last time. */
  takeSlowCount(): number {
    const count = this.spentCount + this.verified.filter((stored) => !stored.startsWith('{PLAIN}')).length;
    this.verified.length = 0;
    this.spentCount = 0;
    return count;
  }

  async verify(password: Buffer, stored: string, options?: HashOptions): Promise<HashVerdict> {
    this.verified.push(stored);
    this.options.push(options);
    return this.verdict ?? (stored.slice(stored.indexOf('}') + 1) === password.toString() ? 'match' : 'mismatch');
  }

  async spend(_password: Buffer, options?: HashOptions): Promise<HashVerdict> {
    this.spentCount += 1;
    this.options.push(options);
    return this.verdict ?? 'mismatch';
  }

  async hash(): Promise<string> {
    if (typeof this.made !== 'string') throw this.made;
    return this.made;
  }

  async deriveScram(): Promise<string | undefined> {
    this.derivedCount += 1;
    return this.verdict === 'busy' ? undefined : '4096,c2FsdA==,derived,derived';
  }
}

/** Limits that do as they are told and write down what they hear. */
export class RecordingLimits implements AttemptLimits {
  verdict: AttemptVerdict = { delayMs: 0, priority: 'usual' };
  readonly judged: Attempt[] = [];
  readonly failures: (Attempt & { readonly password: string | undefined })[] = [];
  readonly successes: Attempt[] = [];

  judge(attempt: Attempt): AttemptVerdict {
    this.judged.push(attempt);
    return this.verdict;
  }

  failed(attempt: Attempt, password: Buffer | undefined): void {
    this.failures.push({ ...attempt, password: password?.toString() });
  }

  succeeded(attempt: Attempt): void {
    this.successes.push(attempt);
  }
}

export class RecordingUpdates implements AccountUpdates {
  readonly uses: Parameters<AccountUpdates['usedAppPassword']>[0][] = [];
  readonly replaced: Parameters<AccountUpdates['replaceHash']>[0][] = [];

  usedAppPassword(use: Parameters<AccountUpdates['usedAppPassword']>[0]): void {
    this.uses.push(use);
  }

  replaceHash(change: Parameters<AccountUpdates['replaceHash']>[0]): void {
    this.replaced.push(change);
  }
}

export interface LoginScene {
  readonly passdb: MemoryPassdb;
  readonly hasher: CountingHasher;
  readonly limits: RecordingLimits;
  readonly updates: RecordingUpdates;
  readonly logger: CollectingLogger;
  readonly clock: { time: number; now: () => number };
  readonly core: PasswordAuthenticator;
  /** Logs in by PLAIN, with the initial response a client would have sent. */
  readonly login: (username: string, password: string, context?: Partial<LoginContext>) => Promise<LoginOutcome>;
  /** Logs in as somebody else, by authorization id. */
  readonly act: (target: string, username: string, password: string) => Promise<LoginOutcome>;
  /** What `recall` says of the same login. */
  readonly recall: (username: string, password: string, context?: Partial<LoginContext>) => LoginOutcome | undefined;
}

/** Bob is in the passdb `local`, with the password `secret` in a slow scheme. */
export function createLoginScene(options: Partial<LoginCoreOptions> = {}): LoginScene {
  const passdb = new MemoryPassdb('local');
  passdb.set(BOB, '{SHA512-CRYPT}secret');
  const hasher = new CountingHasher();
  const limits = new RecordingLimits();
  const updates = new RecordingUpdates();
  const logger = new CollectingLogger();
  const clock = { time: 1000, now: (): number => clock.time };
  const ports = { hasher, limits, updates, logger, clock };
  const core = createLoginCore({ steps: [stepOf(passdb)], cacheTtlMs: 60_000, ...ports, ...options });
  return {
    passdb,
    ...ports,
    core,
    login: (username, password, context = {}) =>
      core.verify(plainLogin(username, password), { ...CONTEXT, ...context }),
    act: (authorizationId, username, password) =>
      core.verify({ ...plainLogin(username, password, authorizationId), authorizationId }, CONTEXT),
    recall: (username, password, context = {}) => core.recall(encode(username, password), { ...CONTEXT, ...context }),
  };
}

function plainLogin(username: string, password: string, authzid = ''): PasswordLogin {
  return { username, password: Buffer.from(password), initialResponse: encode(username, password, authzid) };
}

function encode(username: string, password: string, authzid = ''): string {
  return Buffer.from(`${authzid}\0${username}\0${password}`).toString('base64');
}

/** The reason of a rejection, or the kind of any other outcome. */
export function sayWhy(outcome: LoginOutcome): string {
  return outcome.kind === 'rejected' ? outcome.reason : outcome.kind;
}
