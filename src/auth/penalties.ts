/**
 * Slows guessing down without locking anybody out (RULES 39). Failures are counted by network, by pair of user and
 * network, and by user over all networks where the user is not known; what was counted becomes a delay and a lower
 * priority, and time takes it back. It waits for nobody and keeps nothing on disk: see `delay-slots.ts` and
 * `penalty-keeper.ts`.
 *
 * - A user in a network where they logged in during the last 30 days pays for nothing but the failures of this very pair.
 * - A success takes back what its own pair was counted for, everywhere. Whoever has one good password can therefore not
 *   buy guesses at others with it.
 * - The same wrong password again counts nothing.
 * - When hashing is scarce, users that nobody knows come after the others.
 */
import type { Clock } from '../core/clock.ts';
import type { Logger } from '../core/logger.ts';
import { quotePeerText } from '../core/printable.ts';
import type { Attempt, AttemptLimits, AttemptVerdict } from './attempt-limits.ts';
import { AttemptOrigins, type AttemptOrigin } from './attempt-origin.ts';
import { KnownNetworks } from './known-networks.ts';
import { withoutZone } from './network-prefix.ts';
import type { NetworkList } from './networks.ts';
import { findStep, findStepDelayMs, NETWORK_CURVE, PAIR_CURVE, SITE_CURVE, USER_CURVE } from './penalty-curve.ts';
import { formatPair, shortenName } from './penalty-names.ts';
import { PenaltyTable, type PenaltyEntry } from './penalty-table.ts';
import { addFingerprint, WrongPasswords } from './wrong-passwords.ts';

export interface PenaltyOptions {
  readonly trustedNetworks: NetworkList;
  /** Whether so many password checks of others than the penalised wait that some of them should be. */
  readonly isHashingScarce: () => boolean;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** What is counted by what. */
export interface PenaltyTables {
  readonly networks: PenaltyTable;
  readonly sites: PenaltyTable;
  readonly users: PenaltyTable;
  readonly pairs: PenaltyTable;
}

const FREE_KNOWN: AttemptVerdict = { delayMs: 0, priority: 'known' };
const FREE_USUAL: AttemptVerdict = { delayMs: 0, priority: 'usual' };
const FREE_PENALISED: AttemptVerdict = { delayMs: 0, priority: 'penalised' };

export class AttemptPenalties implements AttemptLimits {
  readonly #options: PenaltyOptions;
  readonly #origins: AttemptOrigins;
  readonly #wrongPasswords = new WrongPasswords();
  /** About 200 bytes an entry, 500 at worst: 30 MB when every table is full. */
  readonly tables: PenaltyTables = {
    networks: new PenaltyTable({ curve: NETWORK_CURVE, maxLight: 10_000, maxHeavy: 10_000 }),
    sites: new PenaltyTable({ curve: SITE_CURVE, maxLight: 5000, maxHeavy: 5000 }),
    users: new PenaltyTable({ curve: USER_CURVE, maxLight: 10_000, maxHeavy: 10_000 }),
    pairs: new PenaltyTable({ curve: PAIR_CURVE, maxLight: 20_000, maxHeavy: 20_000 }),
  };
  readonly known = new KnownNetworks();
  /** Attempts that were told to wait. */
  delayedCount = 0;
  /** Failures that were not counted because the same password had failed before. */
  repeatedCount = 0;
  /** Goes up with every change that is worth saving. */
  revision = 0;

  constructor(options: PenaltyOptions) {
    this.#options = options;
    this.#origins = new AttemptOrigins(options.trustedNetworks);
  }

  judge({ user, remoteAddress }: Attempt): AttemptVerdict {
    const origin = this.#origins.find(remoteAddress);
    if (origin === undefined) return FREE_USUAL;
    const name = shortenName(user);
    const now = this.#options.clock.now();
    const pairStep = this.tables.pairs.findStep(formatPair(origin.site, name), now);
    if (this.known.findUntil(name, origin.siteNumber, now) !== undefined) {
      // Somebody in the user's own network who guesses at this user cannot be told from the user, and gains no more.
      return pairStep === 0 ? FREE_KNOWN : this.#delay(pairStep, 'usual');
    }
    const step = Math.max(pairStep, this.#findNetworkStep(origin, now), this.tables.users.findStep(name, now));
    if (step > 0) return this.#delay(step, 'penalised');
    const isLast = this.#options.isHashingScarce() && !this.known.isKnown(name, now);
    return isLast ? FREE_PENALISED : FREE_USUAL;
  }

  failed({ user, remoteAddress }: Attempt, password: Buffer | undefined): void {
    const origin = this.#origins.find(remoteAddress);
    if (origin === undefined) return;
    const name = shortenName(user);
    const now = this.#options.clock.now();
    const key = formatPair(origin.site, name);
    const { tables } = this;
    const fingerprint = password === undefined ? undefined : this.#wrongPasswords.fingerprint(key, password);
    const passwords = tables.pairs.find(key)?.passwords;
    if (fingerprint !== undefined && passwords?.includes(fingerprint) === true) {
      this.repeatedCount += 1;
      return;
    }
    const pair = tables.pairs.raise(key, now);
    if (fingerprint !== undefined) pair.passwords = addFingerprint(passwords, fingerprint);
    const isKnown = this.known.findUntil(name, origin.siteNumber, now) !== undefined;
    this.#report(pair, tables.pairs, { network: origin.site, user: name, remoteAddress });
    // Past its free failures a pair pays for itself, and others need not pay for it too.
    if (!isKnown && findStep(PAIR_CURVE, pair.level) === 0) {
      this.#report(tables.users.raise(name, now), tables.users, { user: name, remoteAddress });
    }
    this.#raiseNetworks(origin, { now, remoteAddress });
    this.revision += 1;
  }

  succeeded({ user, remoteAddress }: Attempt): void {
    const origin = this.#origins.find(remoteAddress);
    if (origin === undefined) return;
    const name = shortenName(user);
    const now = this.#options.clock.now();
    const { networks, sites, users, pairs } = this.tables;
    const ownFailures = pairs.lower(formatPair(origin.site, name), Number.POSITIVE_INFINITY, now);
    if (ownFailures > 0) {
      networks.lower(origin.network, ownFailures, now);
      sites.lower(origin.site, ownFailures, now);
      users.lower(name, ownFailures, now);
      this.revision += 1;
    }
    if (this.known.add(name, origin.siteNumber, now)) this.revision += 1;
  }

  /** Starts anew: no penalties, and nobody is known anywhere. */
  forgetAll(): void {
    const { networks, sites, users, pairs } = this.tables;
    for (const table of [networks, sites, users, pairs]) table.clear();
    this.known.clear();
    this.revision += 1;
  }

  #findNetworkStep({ isShared, network, site }: AttemptOrigin, now: number): number {
    if (isShared) return 0;
    const { networks, sites } = this.tables;
    const step = networks.findStep(network, now);
    return network === site ? step : Math.max(step, sites.findStep(site, now));
  }

  #raiseNetworks({ isShared, network, site }: AttemptOrigin, when: { now: number; remoteAddress: string }): void {
    if (isShared) return;
    const { networks, sites } = this.tables;
    const { now, remoteAddress } = when;
    this.#report(networks.raise(network, now), networks, { network, remoteAddress });
    if (network !== site) this.#report(sites.raise(site, now), sites, { network: site, remoteAddress });
  }

  #delay(step: number, priority: AttemptVerdict['priority']): AttemptVerdict {
    this.delayedCount += 1;
    return { delayMs: findStepDelayMs(step), priority };
  }

  /** One line for each step an entry grows by, until it is without delay again. */
  #report(entry: PenaltyEntry, { curve }: PenaltyTable, who: Subject): void {
    const step = findStep(curve, entry.level);
    if (step <= entry.reportedStep) return;
    entry.reportedStep = step;
    const { network, user, remoteAddress } = who;
    this.#options.logger.info('auth.penalty', {
      ...(network === undefined ? {} : { network }),
      ...(user === undefined ? {} : { user: quotePeerText(user) }),
      remote: withoutZone(remoteAddress),
      failures: Math.ceil(entry.level),
      delayMs: findStepDelayMs(step),
    });
  }
}

/** Whom a line of the log is about, and whose failure was the last. */
interface Subject {
  readonly network?: string;
  readonly user?: string;
  readonly remoteAddress: string;
}
