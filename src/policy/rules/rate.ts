/**
 * How much a login may send, and all logins of a domain together: messages and recipients an hour and a day. Counted at
 * END-OF-MESSAGE, once for each message that is let through, with the recipients Postfix then names; asked at RCPT already,
 * so that a login past its limit is stopped before the body. What Postfix refuses later than we are asked has counted.
 *
 * With `suspensions` a login past its own limit may send nothing any more, until an administrator lets it.
 *
 * Counters are ours alone, so an outage of the directory changes nothing (RULES 27). Mail without a login is not counted.
 */
import { domainOf, normalizeLogin } from '../../core/address.ts';
import type { Clock } from '../../core/clock.ts';
import type { Logger } from '../../core/logger.ts';
import type { PolicyRule } from '../decide.ts';
import { DUNNO, type PolicyDecision, type PolicyQuestion } from '../question.ts';
import type { Suspensions } from '../suspensions.ts';
import { RATE_WINDOWS, type RateTable, type RateWindow, type Sent } from '../rate-table.ts';

/** Limits of one window; 0 is none. */
export type RateLimits = Readonly<Record<RateWindow, Sent>>;

export interface RateRuleOptions {
  readonly table: RateTable;
  /** Of a login, and of a domain. */
  readonly limits: { readonly login: RateLimits; readonly domain: RateLimits };
  /** Says so in the log when this share of a limit is reached, in percent; 0 for never. */
  readonly warnPercent: number;
  /** Mail past the limit waits at the client (450), or is refused (554). */
  readonly isExceededTemporary: boolean;
  /** Who is suspended. */
  readonly suspensions: Suspensions;
  /** Hears of a login that has to be suspended; undefined when none ever is. */
  readonly onSuspend?: ((login: string, standing: Standing) => void) | undefined;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** One limit of one sender, and how it stands. */
export interface Standing {
  readonly who: string;
  readonly window: RateWindow;
  readonly unit: keyof Sent;
  readonly sent: number;
  readonly limit: number;
}

const SUSPENDED: PolicyDecision = Object.freeze({ kind: 'reject', reason: 'sender-suspended' });
const ONE: Sent = Object.freeze({ messages: 1, recipients: 1 });
const UNITS = ['messages', 'recipients'] as const;
/** Of messages that may still be asked about again. */
const MAX_INSTANCES = 10_000;
/** A program that goes on trying must not flood the log. */
const REPEAT_LOG_MS = 60_000;
const MAX_LOGGED = 1000;

export class RateRule implements PolicyRule {
  readonly name = 'rate';
  readonly #options: RateRuleOptions;
  /** Messages that were counted: Postfix asks again when it lost our answer. */
  readonly #counted = new Set<string>();
  readonly #loggedAtMs = new Map<string, number>();

  constructor(options: RateRuleOptions) {
    this.#options = options;
  }

  decide(question: PolicyQuestion): Promise<PolicyDecision> {
    return Promise.resolve(this.#decide(question));
  }

  #decide({ saslUsername, state, instance, recipientCount }: PolicyQuestion): PolicyDecision {
    if (saslUsername === '' || state === 'other' || this.#counted.has(instance)) return DUNNO;
    const login = normalizeLogin(saslUsername);
    if (this.#options.suspensions.since(login) !== undefined) return SUSPENDED;
    const isWhole = state === 'end-of-message';
    const demand = isWhole ? { messages: 1, recipients: Math.max(1, recipientCount) } : ONE;
    const exceeded = this.#standings(login).find(({ sent, unit, limit }) => sent + demand[unit] > limit);
    if (exceeded !== undefined) return this.#stop(login, exceeded);
    if (isWhole) this.#count(login, { instance, demand });
    return DUNNO;
  }

  /** How a login and its domain stand against every limit there is. */
  #standings(login: string): Standing[] {
    const { limits, table, clock } = this.#options;
    const now = clock.now();
    const both = [[login, limits.login] as const, [`@${domainOf(login)}`, limits.domain] as const];
    return both.flatMap(([who, own]) =>
      RATE_WINDOWS.flatMap((window) => {
        if (UNITS.every((unit) => own[window][unit] === 0)) return [];
        const sent = table.sentBy(who, window, now);
        const limited = UNITS.filter((unit) => own[window][unit] > 0);
        return limited.map((unit) => ({ who, window, unit, sent: sent[unit], limit: own[window][unit] }));
      }),
    );
  }

  #count(login: string, { instance, demand }: { instance: string; demand: Sent }): void {
    const { table, clock, warnPercent, logger } = this.#options;
    const before = this.#standings(login);
    const now = clock.now();
    for (const who of [login, `@${domainOf(login)}`]) table.add(who, demand, now);
    if (instance !== '') this.#rememberInstance(instance);
    if (warnPercent === 0) return;
    for (const standing of before) {
      const line = (standing.limit * warnPercent) / 100;
      const sent = standing.sent + demand[standing.unit];
      if (standing.sent < line && sent >= line) logger.warn('policy.rate-warning', { ...standing, sent, login });
    }
  }

  #rememberInstance(instance: string): void {
    if (this.#counted.size >= MAX_INSTANCES) {
      const [oldest] = this.#counted;
      if (oldest !== undefined) this.#counted.delete(oldest);
    }
    this.#counted.add(instance);
  }

  #stop(login: string, exceeded: Standing): PolicyDecision {
    const { onSuspend, suspensions, clock, logger } = this.#options;
    // For what the others of a domain sent, nobody is suspended.
    if (onSuspend === undefined || exceeded.who !== login) return this.#refuse(login, exceeded);
    suspensions.suspend(login, clock.now());
    logger.warn('policy.suspended', { ...exceeded, login }, 'The login may send nothing until "postern rate reset"');
    onSuspend(login, exceeded);
    return SUSPENDED;
  }

  #refuse(login: string, exceeded: Standing): PolicyDecision {
    const { clock, logger, isExceededTemporary } = this.#options;
    const now = clock.now();
    const key = `${login} ${exceeded.who} ${exceeded.window} ${exceeded.unit}`;
    const ageMs = now - (this.#loggedAtMs.get(key) ?? Number.NEGATIVE_INFINITY);
    if (ageMs < 0 || ageMs >= REPEAT_LOG_MS) {
      if (this.#loggedAtMs.size >= MAX_LOGGED) this.#loggedAtMs.clear();
      this.#loggedAtMs.set(key, now);
      logger.warn('policy.rate-exceeded', { ...exceeded, login });
    }
    return { kind: isExceededTemporary ? 'defer' : 'reject', reason: 'rate-exceeded' };
  }
}
