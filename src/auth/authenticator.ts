/**
 * Decides logins: asks the passdbs in order, has the password compared, checks whether and from where the user may log
 * in. It delays nothing and knows no protocol. Whatever it cannot decide is `unavailable`, never a rejection, and
 * an answer comes before the deadline whatever the passdbs do.
 *
 * The password is compared before anything else about the entry is looked at, so that a suspended account, a wrong
 * network and a wrong password take the same time. facts: Dovecot's chain evaluation.
 */
import type { Clock } from '../core/clock.ts';
import { settleWithin } from '../core/deadline.ts';
import { describeError } from '../core/errors.ts';
import type { Logger } from '../core/logger.ts';
import { unavailable, type Lookup, type Unavailable } from '../core/outcome.ts';
import { quotePeerText } from '../core/printable.ts';
import type { Hasher } from './hasher.ts';
import { LoginCache } from './login-cache.ts';
import type { Authenticator, LoginContext, LoginOutcome, PasswordLogin, RejectReason, Undecided } from './login.ts';
import { isLoopback, parseNetworks, type NetworkList } from './networks.ts';
import type { Passdb, PassdbEntry, PassdbQuery } from './passdb.ts';
import { formatUsername } from './username.ts';

export interface AuthenticatorOptions {
  /** Asked in this order; the first match wins. */
  readonly passdbs: readonly Passdb[];
  /** Template of the name passdbs are asked for, such as `%Lu`. */
  readonly usernameFormat: string;
  /** Plain-text mechanisms fail without TLS, from anywhere but loopback and the trusted networks (RULES 36). */
  readonly disablePlaintextAuth: boolean;
  readonly trustedNetworks: NetworkList;
  /** How long a good login is remembered; 0 turns the cache off. */
  readonly cacheTtlMs: number;
  readonly cacheMaxEntries: number;
  /** Longest time of one decision. */
  readonly deadlineMs?: number;
}

export interface AuthenticatorPorts {
  readonly hasher: Hasher;
  readonly logger: Logger;
  readonly clock: Clock;
}

/** SASL answers within 8 s, of which a failure may wait half a second for its mark. */
const DEADLINE_MS = 7000;

/** One attempt on its way through the chain. */
interface Attempt {
  readonly username: string;
  readonly password: Buffer;
  readonly context: LoginContext;
}

/** What one passdb had to say. */
type Verdict =
  | { readonly kind: 'final'; readonly outcome: LoginOutcome }
  | { readonly kind: 'no-match'; readonly reason: 'unknown-user' | 'wrong-password' | 'no-password' }
  | Unavailable;

const UNKNOWN_USER: Verdict = { kind: 'no-match', reason: 'unknown-user' };
const WRONG_PASSWORD: Verdict = { kind: 'no-match', reason: 'wrong-password' };
const NO_PASSWORD: Verdict = { kind: 'no-match', reason: 'no-password' };

export class PasswordAuthenticator implements Authenticator {
  readonly #options: AuthenticatorOptions;
  readonly #ports: AuthenticatorPorts;
  readonly #cache: LoginCache;
  /** Decisions that took too long and were given up. */
  deadlineCount = 0;

  constructor(options: AuthenticatorOptions, ports: AuthenticatorPorts) {
    this.#options = options;
    this.#ports = ports;
    this.#cache = new LoginCache({
      ttlMs: options.cacheTtlMs,
      maxEntries: options.cacheMaxEntries,
      clock: ports.clock,
    });
  }

  /** Good logins remembered now, and how often that helped. */
  get cacheCounters(): { readonly size: number; readonly hits: number; readonly misses: number } {
    return { size: this.#cache.size, hits: this.#cache.hitCount, misses: this.#cache.missCount };
  }

  async verify(login: PasswordLogin, context: LoginContext): Promise<LoginOutcome> {
    try {
      return await settleWithin(this.#decide(login, context), this.#options.deadlineMs ?? DEADLINE_MS, () => {
        this.deadlineCount += 1;
        return unavailable('no decision before the deadline');
      });
    } catch (error) {
      this.#ports.logger.error('auth.fault', { err: error });
      return unavailable(describeError(error));
    }
  }

  recall(): undefined {
    return undefined;
  }

  findCredential(): Promise<Undecided> {
    return Promise.resolve(unavailable('no mechanism with proofs is offered'));
  }

  verifyExternal(): Promise<LoginOutcome> {
    return Promise.resolve(rejected('no-certificate', undefined));
  }

  acceptAnonymous(): Promise<LoginOutcome> {
    return Promise.resolve(rejected('denied', undefined));
  }

  async #decide(login: PasswordLogin, context: LoginContext): Promise<LoginOutcome> {
    if (this.#isPlaintextForbidden(context)) return rejected('plaintext', undefined);
    const username = formatUsername(login.username, this.#options.usernameFormat, context);
    if (username === undefined) return rejected('bad-username', undefined);
    if (login.authorizationId !== undefined) return rejected('authorization-id', username);
    return this.#askChain({ username, password: login.password, context });
  }

  #isPlaintextForbidden({ isSecured, remoteAddress }: LoginContext): boolean {
    const { disablePlaintextAuth, trustedNetworks } = this.#options;
    return disablePlaintextAuth && !isSecured && !isLoopback(remoteAddress) && !trustedNetworks.contains(remoteAddress);
  }

  /** A failed passdb turns "no match" into "could not tell", but a match elsewhere is a match. */
  async #askChain(attempt: Attempt): Promise<LoginOutcome> {
    let outage: Unavailable | undefined;
    let reason: RejectReason = 'unknown-user';
    for (const passdb of this.#options.passdbs) {
      const verdict = await this.#askPassdb(passdb, attempt);
      if (verdict.kind === 'final') return verdict.outcome;
      if (verdict.kind === 'unavailable') outage ??= verdict;
      else if (reason !== 'wrong-password' && verdict.reason !== 'unknown-user') reason = verdict.reason;
    }
    if (outage !== undefined) return outage;
    if (reason !== 'wrong-password') {
      // Nobody's hash was computed: an unknown user must cost what a known one does (RULES 40), also when busy.
      const spent = await this.#ports.hasher.spend(attempt.password);
      if (spent === 'busy') return unavailable('hash queue busy');
    }
    return rejected(reason, attempt.username);
  }

  async #askPassdb(passdb: Passdb, attempt: Attempt): Promise<Verdict> {
    const { username, password, context } = attempt;
    const key = this.#cache.keyOf({ passdb: passdb.name, service: context.service, username, password });
    const lookup = await this.#find(passdb, { username, typedName: username, context });
    switch (lookup.kind) {
      case 'absent':
        return UNKNOWN_USER;
      case 'unavailable':
        return this.#useCached(key, attempt) ?? lookup;
      case 'found':
        return this.#judgeEntry(lookup.value, { attempt, key, passdbName: passdb.name });
    }
  }

  async #find(passdb: Passdb, query: PassdbQuery): Promise<Lookup<PassdbEntry>> {
    try {
      return await passdb.find(query);
    } catch (error) {
      this.#ports.logger.error('auth.fault', { passdb: passdb.name, err: error });
      return unavailable(`passdb ${passdb.name}: ${describeError(error)}`);
    }
  }

  /** During an outage a login that was good lately is still good (DESIGN 1.2). */
  #useCached(key: string, { context }: Attempt): Verdict | undefined {
    const cached = this.#cache.find(key);
    if (cached === undefined) return undefined;
    if (isAllowedFrom(cached.allowNets, context.remoteAddress) !== true) return undefined;
    return { kind: 'final', outcome: { kind: 'accepted', user: cached.user, isCached: true } };
  }

  async #judgeEntry(
    entry: PassdbEntry,
    { attempt, key, passdbName }: { attempt: Attempt; key: string; passdbName: string },
  ): Promise<Verdict> {
    const { password: stored, user, allowNets } = entry;
    const cached = this.#cache.find(key);
    const isCached = cached !== undefined && cached.stored === stored && cached.user === user;
    if (!isCached) {
      this.#cache.forget(key);
      const objection = await this.#comparePassword(entry, { password: attempt.password, passdbName });
      if (objection !== undefined) return objection;
    }
    const refusal = this.#findRefusal(entry, attempt);
    if (refusal !== undefined) return refusal;
    if (!isCached) this.#cache.remember(key, { stored, user, allowNets });
    return { kind: 'final', outcome: { kind: 'accepted', user, isCached } };
  }

  /** Undefined when the password is right. */
  async #comparePassword(
    entry: PassdbEntry,
    { password, passdbName }: { password: Buffer; passdbName: string },
  ): Promise<Verdict | undefined> {
    if (entry.password === undefined) return entry.isPasswordless ? undefined : NO_PASSWORD;
    if (entry.isPasswordless) return this.#reportEntry(entry, `passdb ${passdbName}: nopassword beside a password`);
    const verdict = await this.#ports.hasher.verify(password, entry.password);
    switch (verdict) {
      case 'match':
        return undefined;
      case 'mismatch':
        return WRONG_PASSWORD;
      case 'busy':
        return unavailable('hash queue busy');
      case 'unusable':
        return this.#reportEntry(entry, `passdb ${passdbName}: unusable password hash`);
    }
  }

  /** What stands against a login whose password is right (RULES 38). */
  #findRefusal(entry: PassdbEntry, { username, context }: Attempt): Verdict | undefined {
    if (!entry.canLogin) return { kind: 'final', outcome: rejected('login-off', username) };
    const isAllowed = isAllowedFrom(entry.allowNets, context.remoteAddress);
    if (isAllowed === undefined) return this.#reportEntry(entry, 'allow_nets cannot be read');
    return isAllowed ? undefined : { kind: 'final', outcome: rejected('network', username) };
  }

  #reportEntry({ user }: PassdbEntry, reason: string): Unavailable {
    this.#ports.logger.error('auth.fault', { user: quotePeerText(user), reason });
    return unavailable(reason);
  }
}

/** Whether an address is in the list; undefined when only a broken list keeps it out. An empty list allows all. */
function isAllowedFrom(allowNets: readonly string[], remoteAddress: string): boolean | undefined {
  if (allowNets.length === 0) return true;
  let hasBroken = false;
  for (const network of allowNets) {
    try {
      if (parseNetworks([network]).contains(remoteAddress)) return true;
    } catch {
      hasBroken = true;
    }
  }
  return hasBroken ? undefined : false;
}

function rejected(reason: RejectReason, user: string | undefined): LoginOutcome {
  return { kind: 'rejected', reason, user };
}
