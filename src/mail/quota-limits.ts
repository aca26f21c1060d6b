/**
 * What the rules of a quota root come to for one account and one mailbox (facts/dovecot.md H.2). Pure: it knows no
 * usage and gives no verdict. The rules of the configuration come first, those of the userdb in their place or on top;
 * several rules with one mask are one rule, and of several masks that fit a mailbox the first counts.
 */
import type { QuotaAmount, QuotaRule, UserQuotaRule } from '../core/quota-rule.ts';
import { matchesMask } from '../core/wildcard.ts';

/** A quota root as it is configured. */
export interface QuotaRoot {
  /** `quota` for the first, else the name of its section. */
  readonly name: string;
  /** Whether it limits an account, or all accounts of a domain together. */
  readonly scope: 'user' | 'domain';
  /** `rule`, `rule2` and so on; undefined where one is empty. */
  readonly rules: readonly (QuotaRule | undefined)[];
  readonly grace: QuotaAmount;
  /** False for a root that counts and never refuses. */
  readonly isEnforcing: boolean;
  /** Leaves accounts without a limit alone altogether. */
  readonly ignoresUnlimited: boolean;
}

/** Limits for mail to one mailbox; 0 is none. */
export interface MailboxLimits {
  readonly storageBytes: number;
  readonly messages: number;
}

interface Limits {
  storageBytes: number;
  messages: number;
}

/** What a mask says of the mailboxes that fit it. */
interface MailboxChange {
  readonly mask: string;
  isIgnored: boolean;
  storage: QuotaAmount | undefined;
  messages: QuotaAmount | undefined;
}

export const NO_LIMITS: MailboxLimits = Object.freeze({ storageBytes: 0, messages: 0 });

/** The rules of one root for one account. */
export class RootPlan {
  readonly root: QuotaRoot;
  /** Of the account as a whole, which mailboxes add to. */
  readonly limits: MailboxLimits;
  /** By how much the message that crosses the storage limit may go past it. */
  readonly graceBytes: number;
  readonly #changes: readonly MailboxChange[];

  /** `position` is 1 for `[quota]`; `userRules` are those of all roots. */
  constructor(root: QuotaRoot, { position, userRules }: { position: number; userRules: readonly UserQuotaRule[] }) {
    const limits: Limits = { storageBytes: 0, messages: 0 };
    const changes: MailboxChange[] = [];
    const own = userRules.filter((one) => one.root === position || one.root === root.scope);
    for (const rule of numberRules(root.rules, own)) applyRule(rule, { limits, changes, at: changes.length });
    for (const layer of ['domain', 'account'] as const) {
      // A mask that is new comes before those of other layers: behind them it might never be looked at.
      let at = 0;
      for (const { place, rule } of own) if (place === layer) at = applyRule(rule, { limits, changes, at });
    }
    this.root = root;
    this.limits = limits;
    this.graceBytes = Math.max(0, measureAmount(root.grace, limits.storageBytes));
    this.#changes = changes;
  }

  /** Whether the root takes notice of the account at all. */
  get isTracked(): boolean {
    return !this.root.ignoresUnlimited || this.hasLimit;
  }

  get hasLimit(): boolean {
    return this.limits.storageBytes > 0 || this.limits.messages > 0;
  }

  /** Whether any mailbox may be left out of the count. */
  get canIgnore(): boolean {
    return this.#changes.some(({ isIgnored }) => isIgnored);
  }

  /** Whether mail in this mailbox is neither counted nor limited. */
  ignores(mailbox: string): boolean {
    return this.#findChange(mailbox)?.isIgnored === true;
  }

  /** The limits for mail to this mailbox. What is left of a limit after a rule took it all away is none, as for Dovecot. */
  limitsFor(mailbox: string): MailboxLimits {
    const { limits } = this;
    // An account without any limit has none in any mailbox either.
    const change = this.hasLimit ? this.#findChange(mailbox) : undefined;
    if (change === undefined) return limits;
    if (change.isIgnored) return NO_LIMITS;
    return {
      storageBytes: addChange(limits.storageBytes, change.storage),
      messages: addChange(limits.messages, change.messages),
    };
  }

  #findChange(mailbox: string): MailboxChange | undefined {
    return this.#changes.find(({ mask }) => matchesMask(mailbox, mask));
  }
}

/** The rules by their numbers, those of the userdb in the places of the configured ones. */
function numberRules(configured: QuotaRoot['rules'], own: readonly UserQuotaRule[]): QuotaRule[] {
  const rules = new Map(configured.map((rule, i) => [i + 1, rule]));
  for (const { place, rule } of own) if (typeof place === 'number') rules.set(place, rule);
  return [...rules].toSorted(([a], [b]) => a - b).flatMap(([, rule]) => (rule === undefined ? [] : [rule]));
}

/** Applies one rule, a mask that is new at the place `at`; returns the place of the next one. */
function applyRule(
  rule: QuotaRule,
  { limits, changes, at }: { limits: Limits; changes: MailboxChange[]; at: number },
): number {
  if (rule.kind === 'root') {
    limits.storageBytes = rule.storageBytes ?? limits.storageBytes;
    limits.messages = rule.messages ?? limits.messages;
    return at;
  }
  const known = changes.find(({ mask }) => mask === rule.mask);
  const change = known ?? { mask: rule.mask, isIgnored: false, storage: undefined, messages: undefined };
  if (known === undefined) changes.splice(at, 0, change);
  change.isIgnored = rule.kind === 'ignore';
  if (rule.kind === 'mailbox') {
    change.storage = rule.storage ?? change.storage;
    change.messages = rule.messages ?? change.messages;
  }
  return known === undefined ? at + 1 : at;
}

function addChange(limit: number, change: QuotaAmount | undefined): number {
  return change === undefined ? limit : Math.max(0, limit + measureAmount(change, limit));
}

/** Cut towards zero, as Dovecot divides. */
function measureAmount({ by, value }: QuotaAmount, limit: number): number {
  return by === 'amount' ? value : Math.trunc((limit * value) / 100);
}
