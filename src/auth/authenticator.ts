/**
 * Decides logins: opens an attempt, has the chain asked and the proof compared, and says what came of it; how each of these
 * works is in the files beside it. It knows no protocol, holds no failure back, and never throws: what it cannot decide
 * in time is `unavailable`, never a rejection.
 *
 * Every failure costs one slow hash, whatever its reason (RULES 40): the one that was compared, or one spent at the end.
 * Only a user with different hashes in two passdbs costs both, which the next mark of the failure delay hides.
 */
import type { Clock } from '../core/clock.ts';
import { settleWithin } from '../core/deadline.ts';
import { describeError } from '../core/errors.ts';
import { NO_FIELDS, type Fields } from '../core/fields.ts';
import type { Logger } from '../core/logger.ts';
import { unavailable, type Lookup } from '../core/outcome.ts';
import type { AccountUpdates } from './account-updates.ts';
import { AppPasswordUse } from './app-password-use.ts';
import { AttemptDesk, type WaitingRoom } from './attempt-desk.ts';
import type { AttemptLimits } from './attempt-limits.ts';
import { AttemptLookups } from './attempt-lookups.ts';
import { DEADLINE_MS, type Attempt } from './attempt.ts';
import type { ChainOutcome } from './chain.ts';
import type { ChainStep } from './chain-step.ts';
import { NetworkReader } from './entry-networks.ts';
import { judgeExternal } from './external-check.ts';
import type { HashUpgrade } from './hash-upgrade.ts';
import type { Hasher } from './hasher.ts';
import { LoginCache } from './login-cache.ts';
import { LoginChain } from './login-chain.ts';
import type {
  Accepted,
  Authenticator,
  Claim,
  ExplainedOutcome,
  LoginContext,
  LoginOutcome,
  PasswordLogin,
  PendingProof,
  Undecided,
} from './login.ts';
import { isLoopback, type NetworkList } from './networks.ts';
import { PasswordCheck, type CheckPorts } from './password-check.ts';
import { ProofExchange } from './proof-exchange.ts';
import { RecallCache } from './recall-cache.ts';
import type { UsernameReader } from './username.ts';
import { VerdictWriter } from './verdict.ts';

export interface AuthenticatorOptions {
  /** The passdbs in their order, with how each is treated. */
  readonly steps: readonly ChainStep[];
  readonly usernames: UsernameReader;
  /** Plain-text mechanisms fail without TLS, from anywhere but loopback and the trusted networks (RULES 36). */
  readonly disablePlaintextAuth: boolean;
  readonly trustedNetworks: NetworkList;
  /** The main password of every account is refused. */
  readonly areAppPasswordsRequired: boolean;
  /** The name of whoever logs in by ANONYMOUS. */
  readonly anonymousUsername: string;
  /** How long a good login is remembered; 0 turns the cache off. */
  readonly cacheTtlMs: number;
  readonly cacheMaxEntries: number;
  /** Longest time of one decision. */
  readonly deadlineMs?: number | undefined;
}

export interface AuthenticatorPorts {
  readonly hasher: Hasher;
  readonly limits: AttemptLimits;
  readonly waitingRoom: WaitingRoom;
  readonly updates: AccountUpdates;
  /** Replaces weak hashes; undefined when none is replaced. */
  readonly upgrade?: HashUpgrade | undefined;
  /** Asks the directory for an account by its canonical address. */
  readonly findAccount: (address: string) => Promise<Lookup<unknown>>;
  /** The secret that invented credentials come from. */
  readonly proofKey: () => Buffer;
  readonly logger: Logger;
  readonly clock: Clock;
}

export interface LoginCounters {
  /** Users whose last good login is in memory. */
  readonly remembered: number;
  /** Logins that spared a hash, or got in during an outage. */
  readonly hits: number;
  /** Passwords that were not in memory. */
  readonly misses: number;
  /** Logins that were known as they came over the wire. */
  readonly recalls: number;
  /** Decisions that took too long and were given up. */
  readonly overdue: number;
  /** Hashes made anew. */
  readonly upgrades: number;
}

/** What an explanation is made of on the way. */
interface Explanation {
  readonly steps: { readonly passdb: string; readonly verdict: string }[];
  fields: Fields;
}

/** What is known about a login that was good. */
interface Remembering {
  readonly attempt: Attempt;
  readonly login: PasswordLogin;
  readonly lookups: AttemptLookups;
  readonly check: PasswordCheck;
}

export class PasswordAuthenticator implements Authenticator {
  readonly #options: AuthenticatorOptions;
  readonly #ports: AuthenticatorPorts;
  readonly #desk: AttemptDesk;
  readonly #chain: LoginChain;
  readonly #checks: CheckPorts;
  readonly #cache: LoginCache;
  readonly #recalls: RecallCache;
  readonly #appPasswordUse: AppPasswordUse;
  readonly #verdicts: VerdictWriter;
  /** Decisions that took too long and were given up. */
  deadlineCount = 0;

  constructor(options: AuthenticatorOptions, ports: AuthenticatorPorts) {
    const { steps, usernames, trustedNetworks, areAppPasswordsRequired, cacheTtlMs, cacheMaxEntries } = options;
    const { hasher, limits, waitingRoom, updates, findAccount, logger, clock } = ports;
    const networks = new NetworkReader();
    const cache = { ttlMs: cacheTtlMs, maxEntries: cacheMaxEntries, clock };
    this.#options = options;
    this.#ports = ports;
    this.#desk = new AttemptDesk({ usernames, limits, waitingRoom, trustedNetworks, limitMs: this.#deadlineMs });
    this.#chain = new LoginChain(steps, { networks, findAccount });
    this.#checks = { hasher, logger, clock, networks, areAppPasswordsRequired };
    this.#cache = new LoginCache(cache);
    this.#recalls = new RecallCache({
      ...cache,
      variables: [...new Set(steps.flatMap(({ rules }) => rules.variables))],
    });
    this.#appPasswordUse = new AppPasswordUse(updates, clock);
    this.#verdicts = new VerdictWriter({ passdbs: steps.map(({ passdb }) => passdb), areAppPasswordsRequired });
  }

  /** Good logins remembered now and how often that helped, and what else was counted. */
  get counters(): LoginCounters {
    const { size, hitCount, missCount } = this.#cache;
    return {
      remembered: size,
      hits: hitCount,
      misses: missCount,
      recalls: this.#recalls.recallCount,
      overdue: this.deadlineCount,
      upgrades: this.#ports.upgrade?.upgradeCount ?? 0,
    };
  }

  recall(initialResponse: string, context: LoginContext): Accepted | undefined {
    try {
      if (this.#isPlaintextForbidden(context)) return undefined;
      const login = this.#recalls.find(initialResponse, context);
      if (login === undefined || !this.#desk.passes(login.username, context)) return undefined;
      this.#recalls.recallCount += 1;
      if (login.appPassword !== undefined) this.#appPasswordUse.tell(login.appPassword, context);
      return login.accepted;
    } catch (error) {
      this.#ports.logger.error('auth.fault', { err: error });
      return undefined;
    }
  }

  verify(login: PasswordLogin, context: LoginContext): Promise<LoginOutcome> {
    return this.#guard(() => this.#verify(login, context));
  }

  /** As `verify`, with what led to the verdict. */
  async explain(login: PasswordLogin, context: LoginContext): Promise<ExplainedOutcome> {
    const explanation: Explanation = { steps: [], fields: NO_FIELDS };
    const outcome = await this.#guard<LoginOutcome>(() => this.#verify(login, context, explanation));
    return { outcome, ...explanation };
  }

  findCredential(claim: Claim, context: LoginContext): Promise<PendingProof | Undecided> {
    return this.#guard<PendingProof | Undecided>(async () => {
      const opening = await this.#desk.open(claim, context);
      const exchange = new ProofExchange(
        { claim, opening },
        {
          chain: this.#chain,
          checks: this.#checks,
          desk: this.#desk,
          verdicts: this.#verdicts,
          proofKey: this.#ports.proofKey(),
          openLookups: (attempt) => this.#openLookups(attempt),
        },
      );
      const credential = await exchange.findCredential();
      if (credential.kind === 'unavailable') return credential;
      return {
        kind: 'pending',
        credential: credential.value,
        conclude: (isProven) => this.#guard<LoginOutcome>(() => exchange.conclude(isProven)),
      };
    });
  }

  verifyExternal(authorizationId: string | undefined, context: LoginContext): Promise<LoginOutcome> {
    return this.#guard<LoginOutcome>(async () => {
      const { certificateName: username = '' } = context;
      if (username === '') return this.#verdicts.reject('no-certificate');
      const opening = await this.#desk.open({ username, authorizationId, isWhole: true }, context);
      if (opening.kind === 'rejected') return this.#verdicts.reject(opening.reason);
      const { attempt } = opening;
      const lookups = this.#openLookups(attempt);
      const { networks } = this.#checks;
      const recognised = await this.#chain.recognise({
        attempt,
        lookups,
        judge: (entry) => Promise.resolve(judgeExternal(entry, { attempt, lookups, networks })),
      });
      const outcome = await this.#chain.admit(recognised, { attempt, lookups });
      if (outcome.kind === 'accepted') lookups.remember();
      return this.#close(attempt, this.#verdicts.write(outcome, { attempt, isCached: lookups.outage !== undefined }));
    });
  }

  acceptAnonymous(): Promise<LoginOutcome> {
    return this.#guard<LoginOutcome>(async () => {
      const { anonymousUsername: user } = this.#options;
      // Nobody in particular must never pass for somebody.
      const account = await this.#ports.findAccount(user);
      if (account.kind === 'unavailable') return account;
      if (account.kind === 'found') return this.#verdicts.reject('denied');
      return { kind: 'accepted', user, isCached: false, isAnonymous: true };
    });
  }

  async #verify(login: PasswordLogin, context: LoginContext, explanation?: Explanation): Promise<LoginOutcome> {
    if (this.#isPlaintextForbidden(context)) return this.#verdicts.reject('plaintext');
    const opening = await this.#desk.open(login, context);
    if (opening.kind === 'rejected') return this.#verdicts.reject(opening.reason);
    const { attempt } = opening;
    const { password } = login;
    const lookups = this.#openLookups(attempt);
    const check = new PasswordCheck(this.#checks, { attempt, lookups, password });
    const trace = (passdb: string, verdict: string): void => void explanation?.steps.push({ passdb, verdict });
    const recognised = await this.#chain.recognise({
      attempt,
      lookups,
      judge: (entry, step, { isVerified }) => check.judge(entry, step, isVerified),
      trace,
    });
    const outcome = await this.#payForFailure(await this.#chain.admit(recognised, { attempt, lookups, trace }), {
      attempt,
      password,
    });
    if (explanation !== undefined && outcome.kind !== 'unavailable') explanation.fields = outcome.fields;
    const { isCached, appPassword } = check;
    const verdict = this.#verdicts.write(outcome, { attempt, isCached, appPassword: appPassword?.label });
    // Whoever only wants to know changes nothing.
    if (verdict.kind === 'accepted' && explanation === undefined)
      this.#remember(verdict, { attempt, login, lookups, check });
    return this.#close(attempt, verdict, password);
  }

  /** An unknown user costs what a known one does, also when the queue is full (RULES 40). */
  async #payForFailure(
    outcome: ChainOutcome,
    { attempt, password }: { readonly attempt: Attempt; readonly password: Buffer },
  ): Promise<ChainOutcome> {
    if (outcome.kind !== 'rejected' || attempt.isHashed) return outcome;
    const spent = await this.#ports.hasher.spend(password, attempt.hashOptions);
    return spent === 'busy' ? unavailable('hash queue busy') : outcome;
  }

  #remember(verdict: Accepted, { attempt, login, lookups, check }: Remembering): void {
    const { context } = attempt;
    const { appPassword, comparedEntry } = check;
    lookups.remember();
    if (appPassword !== undefined) this.#appPasswordUse.tell(appPassword, context);
    if (comparedEntry !== undefined) this.#ports.upgrade?.consider(comparedEntry, login.password);
    const { entries } = lookups;
    // Whoever acts as somebody else, or was let in by memory or by no entry at all, is looked at every time.
    if (!login.initialResponse || verdict.masterUser !== undefined) return;
    if (lookups.outage !== undefined || verdict.passdb === undefined || entries.length === 0) return;
    const { networks } = this.#checks;
    const lists = [...entries, ...(appPassword === undefined ? [] : [appPassword])].map(({ allowNets }) => allowNets);
    this.#recalls.remember(login.initialResponse, context, {
      accepted: copyAsCached(verdict),
      username: attempt.name.username,
      networks: lists.flatMap((texts) => networks.find(texts) ?? []),
      appPassword,
      versions: lookups.asked,
    });
  }

  #close(attempt: Attempt, verdict: LoginOutcome, password?: Buffer): LoginOutcome {
    this.#desk.close(attempt, verdict, password);
    return verdict;
  }

  #openLookups(attempt: Attempt): AttemptLookups {
    return new AttemptLookups(attempt, { cache: this.#cache, logger: this.#ports.logger });
  }

  #isPlaintextForbidden({ isSecured, remoteAddress }: LoginContext): boolean {
    const { disablePlaintextAuth, trustedNetworks } = this.#options;
    return disablePlaintextAuth && !isSecured && !isLoopback(remoteAddress) && !trustedNetworks.contains(remoteAddress);
  }

  get #deadlineMs(): number {
    return this.#options.deadlineMs ?? DEADLINE_MS;
  }

  /** Gives what `decide` gives, or "could not tell" when it throws or takes too long. */
  async #guard<T>(decide: () => Promise<T | Undecided>): Promise<T | Undecided> {
    try {
      return await settleWithin<T | Undecided>(decide(), this.#deadlineMs, () => {
        this.deadlineCount += 1;
        return unavailable('no decision before the deadline');
      });
    } catch (error) {
      this.#ports.logger.error('auth.fault', { err: error });
      return unavailable(describeError(error));
    }
  }
}

/** A literal: frozen copies each have a shape of their own in V8 11, and reading thousands of shapes is slow. */
function copyAsCached({ user, passdb, masterUser, appPassword, isAnonymous }: Accepted): Accepted {
  return { kind: 'accepted', user, isCached: true, passdb, masterUser, appPassword, isAnonymous };
}
