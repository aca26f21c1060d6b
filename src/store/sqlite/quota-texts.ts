/**
 * Quota rules as the columns of the embedded database hold them: a list of texts in JSON. Read again for every lookup, so
 * what was read lately is remembered: most accounts have the same rules, or none.
 */
import {
  formatQuotaRule,
  NO_USER_RULES,
  parseQuotaRule,
  type QuotaRule,
  type UserQuotaRule,
} from '../../core/quota-rule.ts';
import type { QuotaChange } from '../../directory/admin.ts';

export interface QuotaColumns {
  /** Of the account. */
  readonly quota_rules: string;
  /** What its domain says of every account, and of all of them together. */
  readonly domain_rules: string;
  readonly total_rules: string;
}

/** Nothing said, as the column has it. */
const NONE = '[]';
const MAX_KNOWN = 1000;

/** Reads one column; throws SyntaxError when it was damaged. */
export function readRules(json: string): QuotaRule[] {
  const texts: unknown = json === NONE ? [] : JSON.parse(json);
  if (!Array.isArray(texts)) throw new SyntaxError('Cannot read quota rules: not a list');
  return texts.map((text) => parseQuotaRule(String(text)));
}

/** Formats rules for a column. */
export function formatRules(rules: readonly QuotaRule[]): string {
  return JSON.stringify(rules.map(formatQuotaRule));
}

/** The column with a change made to it. */
export function changeRules(json: string, { quotaRules, storageBytes, messages }: QuotaChange): string {
  const rules = quotaRules ?? readRules(json);
  if (storageBytes === undefined && messages === undefined) return formatRules(rules);
  const limits = mergeLimits(rules);
  if (storageBytes !== undefined) limits.storageBytes = storageBytes ?? undefined;
  if (messages !== undefined) limits.messages = messages ?? undefined;
  const others = rules.filter(({ kind }) => kind !== 'root');
  const isEmpty = limits.storageBytes === undefined && limits.messages === undefined;
  return formatRules(isEmpty ? others : [{ kind: 'root', mask: '*', ...limits }, ...others]);
}

/** Several rules of the whole account are one, in which the last has the say. */
function mergeLimits(rules: readonly QuotaRule[]): {
  storageBytes: number | undefined;
  messages: number | undefined;
} {
  const roots = rules.filter((rule) => rule.kind === 'root');
  return {
    storageBytes: roots.findLast((rule) => rule.storageBytes !== undefined)?.storageBytes,
    messages: roots.findLast((rule) => rule.messages !== undefined)?.messages,
  };
}

export class QuotaTexts {
  readonly #known = new Map<string, readonly UserQuotaRule[]>();

  /** The rules of an account, in the same list as long as they stay the same; throws SyntaxError as `readRules` does. */
  read({ quota_rules: own, domain_rules: domain, total_rules: total }: QuotaColumns): readonly UserQuotaRule[] {
    if (own === NONE && domain === NONE && total === NONE) return NO_USER_RULES;
    const key = `${own}\0${domain}\0${total}`;
    let rules = this.#known.get(key);
    if (rules === undefined) {
      rules = [
        ...readRules(domain).map((rule) => ({ root: 1, place: 'domain', rule }) as const),
        ...readRules(total).map((rule) => ({ root: 'domain', place: 'domain', rule }) as const),
        ...readRules(own).map((rule) => ({ root: 1, place: 'account', rule }) as const),
      ];
      if (this.#known.size >= MAX_KNOWN) this.#known.clear();
      this.#known.set(key, rules);
    }
    return rules;
  }
}
