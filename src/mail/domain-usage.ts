/**
 * What all accounts of a domain hold together, for quota roots with `scope = domain` (RULES 44). The sum is measured like
 * one big account: all its Maildirs in one pass, in pieces between which the thread serves others. Who belongs to the domain
 * is asked anew every half minute, and whoever gets mail belongs to it at once.
 *
 * A pass begins while the last one is still good, so that nobody waits for it while mail flows; where a pass takes longer
 * than that, the sum is as old as that. Before the first pass is done nothing is known, not half of it.
 */
import type { Clock } from '../core/clock.ts';
import { settleWithin } from '../core/deadline.ts';
import { describeError } from '../core/errors.ts';
import type { Logger } from '../core/logger.ts';
import { locate, type LocationSettings, type MailLocation } from './location.ts';
import type { MailRoots } from './mail-root.ts';
import type { MailUser } from './mail-user.ts';
import type { NameMaker } from './maildir-name.ts';
import { MeasuredTotals, type Measurement, type MeasuringPlan } from './measured-usage.ts';
import { NOT_MEASURED, type FoundUsage } from './usage-cache.ts';
import { addResults, type ScanRequest, type ScanResult } from './usage-scan.ts';
import type { ScanReply } from './usage-worker.ts';

export interface DomainUsageOptions {
  readonly settings: LocationSettings;
  readonly roots: MailRoots;
  readonly names: NameMaker;
  /** Reads the directories, off the event loop. */
  readonly thread: { measureAll(requests: readonly ScanRequest[]): Promise<ScanReply> };
  /** The accounts of a domain; rejects when they cannot all be told. */
  readonly list: (domain: string) => AsyncIterable<MailUser>;
  readonly clock: Clock;
  readonly logger: Logger;
}

export interface DomainWish {
  /** On whose account it is asked. */
  readonly user: MailUser;
  /** Longest wait for a measurement. */
  readonly waitMs: number;
}

interface Place {
  readonly location: MailLocation;
  /** When somebody asked on its account; undefined for one that was only listed. */
  askedAtMs: number | undefined;
}

interface Domain {
  readonly name: string;
  readonly totals: MeasuredTotals;
  /** Its Maildirs by place: two accounts may share one. */
  places: Map<string, Place>;
  /** When the accounts were listed last; undefined before the first time. */
  listedAtMs: number | undefined;
  /** How long the last pass took. */
  passMs: number;
  /** Why the last pass failed, and when; undefined when it did not. */
  fault: { readonly reason: string; readonly atMs: number } | undefined;
  measuring: Promise<void> | undefined;
  /** Accounts whose place cannot be told; told once. */
  unplaced: number;
}

const MAX_AGE_MS = 5000;
const REFRESH_AGE_MS = 2500;
const LIST_AGE_MS = 30_000;
/** A domain that is read all the time still leaves half of the thread to others. */
const REST_FACTOR = 2;
/** Accounts measured before others have their turn: some milliseconds of work. */
const PIECE = 100;
/** What cannot be read is not read all the time. */
const RETRY_AFTER_MS = 1000;
const MAX_PLACES = 200_000;
const MAX_DOMAINS = 1000;

export class DomainUsage {
  readonly #options: DomainUsageOptions;
  /** The one asked about last stands last. */
  readonly #domains = new Map<string, Domain>();

  constructor(options: DomainUsageOptions) {
    this.#options = options;
  }

  /** The usage of a domain from a pass that is fresh enough, or `unknown`. */
  async find(name: string, { user, waitMs }: DomainWish): Promise<FoundUsage> {
    const domain = this.#getDomain(name);
    const located = locate(user, this.#options.settings);
    if (located.kind === 'fault') return { kind: 'unknown', reason: located.detail };
    addPlace(domain.places, located.location, this.#options.clock.now());
    const ageMs = this.#ageOf(domain);
    if (ageMs >= Math.max(REFRESH_AGE_MS, domain.passMs * REST_FACTOR)) this.#refresh(domain);
    // A pass that is under way because time has come for it keeps nobody waiting.
    const bearableMs = Math.max(MAX_AGE_MS, domain.passMs * (REST_FACTOR + 1));
    if (ageMs > bearableMs && domain.measuring !== undefined) {
      await settleWithin(domain.measuring, waitMs, () => undefined);
    }
    if (domain.fault !== undefined) return { kind: 'unknown', reason: domain.fault.reason };
    if (domain.totals.measured === undefined) return { kind: 'unknown', reason: NOT_MEASURED };
    return { kind: 'found', usage: domain.totals };
  }

  #getDomain(name: string): Domain {
    let domain = this.#domains.get(name);
    if (domain === undefined) {
      if (this.#domains.size >= MAX_DOMAINS) this.#forgetOne();
      domain = {
        name,
        totals: new MeasuredTotals(),
        places: new Map(),
        listedAtMs: undefined,
        passMs: 0,
        fault: undefined,
        measuring: undefined,
        unplaced: 0,
      };
    } else {
      this.#domains.delete(name);
    }
    this.#domains.set(name, domain);
    return domain;
  }

  #forgetOne(): void {
    for (const [name, { measuring, totals }] of this.#domains) {
      if (measuring !== undefined || totals.hasWork) continue;
      this.#domains.delete(name);
      return;
    }
  }

  /** Without end for what was never measured, failed, or was measured before the clock was set back. */
  #ageOf({ totals, fault }: Domain): number {
    if (totals.measured === undefined || fault !== undefined) return Infinity;
    const ageMs = this.#options.clock.now() - totals.measured.startedAtMs;
    return ageMs < 0 ? Infinity : ageMs;
  }

  #refresh(domain: Domain): void {
    const { clock, logger } = this.#options;
    const now = clock.now();
    if (domain.fault !== undefined && now >= domain.fault.atMs && now < domain.fault.atMs + RETRY_AFTER_MS) return;
    domain.measuring ??= this.#measure(domain)
      .catch((error: unknown) => {
        const reason = describeError(error);
        // Said once, not at every try.
        if (domain.fault?.reason !== reason) logger.warn('quota.fault', { domain: domain.name, reason });
        domain.fault = { reason, atMs: clock.now() };
      })
      .finally(() => {
        domain.measuring = undefined;
      });
  }

  async #measure(domain: Domain): Promise<void> {
    const { clock, names, logger } = this.#options;
    const startedAtMs = clock.now();
    await this.#listPlaces(domain, startedAtMs);
    await this.#checkRoots(domain);
    const plan = domain.totals.planMeasuring(names);
    const { measured, seen } = await this.#scan([...domain.places.values()], { startedAtMs, plan });
    domain.passMs = clock.now() - startedAtMs;
    domain.fault = undefined;
    domain.totals.take(measured, plan, seen);
    const { bytes, messages } = measured;
    logger.debug('quota.measured', {
      domain: domain.name,
      accounts: domain.places.size,
      bytes,
      messages,
      ms: domain.passMs,
    });
  }

  async #listPlaces(domain: Domain, now: number): Promise<void> {
    const { list, settings, logger } = this.#options;
    if (domain.listedAtMs !== undefined && now >= domain.listedAtMs && now < domain.listedAtMs + LIST_AGE_MS) return;
    const listed = new Map<string, Place>();
    let unplaced = 0;
    for await (const user of list(domain.name)) {
      const located = locate(user, settings);
      if (located.kind === 'located') addPlace(listed, located.location, undefined);
      else unplaced += 1;
      if (listed.size > MAX_PLACES) throw new RangeError(`Cannot add up more than ${MAX_PLACES} accounts`);
    }
    // Mail for these waits for the administrator: none of it is ours.
    if (unplaced > domain.unplaced) {
      logger.warn('quota.fault', { domain: domain.name, unplaced, reason: 'accounts without a place are not counted' });
    }
    domain.unplaced = unplaced;
    // Whoever asks has an account, though it may be too new for the list.
    for (const { location, askedAtMs } of domain.places.values()) {
      if (askedAtMs !== undefined && askedAtMs > now - LIST_AGE_MS) addPlace(listed, location, askedAtMs);
    }
    domain.places = listed;
    domain.listedAtMs = now;
  }

  async #checkRoots({ places }: Domain): Promise<void> {
    for (const root of new Set([...places.values()].map(({ location }) => location.root))) {
      const verdict = await this.#options.roots.check(root);
      if (verdict.kind === 'missing') throw new Error(verdict.detail);
    }
  }

  async #scan(
    places: readonly Place[],
    { startedAtMs, plan }: { readonly startedAtMs: number; readonly plan: MeasuringPlan },
  ): Promise<{ measured: Measurement; seen: readonly number[] }> {
    const results: ScanResult[] = [];
    for (let at = 0; at < places.length; at += PIECE) {
      const requests = places
        .slice(at, at + PIECE)
        .map(({ location: { path, inbox } }) => ({ path, inbox, pid: process.pid, sinceSequence: plan.sinceSequence }));
      const reply = await this.#options.thread.measureAll(requests);
      if (reply.kind === 'failed') throw new Error(reply.reason);
      results.push(reply.result);
    }
    const { seen, ...found } = addResults(results);
    return { measured: { startedAtMs, ...found }, seen };
  }
}

function keyOf({ path, inbox }: MailLocation): string {
  return `${path}\0${inbox}`;
}

function addPlace(places: Map<string, Place>, location: MailLocation, askedAtMs: number | undefined): void {
  const key = keyOf(location);
  const place = places.get(key);
  if (place === undefined) places.set(key, { location, askedAtMs });
  else place.askedAtMs = askedAtMs ?? place.askedAtMs;
}
