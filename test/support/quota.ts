/** Quota rules and roots from their texts. */
import { parseQuotaRule, type UserQuotaRule } from '../../src/core/quota-rule.ts';
import type { QuotaRoot } from '../../src/mail/quota-limits.ts';

/** Rules as a userdb gives them: `quota_rule`, `quota_rule2` and so on. */
export function userQuota(...texts: readonly string[]): UserQuotaRule[] {
  return texts.map((text, i) => ({ root: 1, place: i + 1, rule: parseQuotaRule(text) }));
}

/** A root with these rules, and without grace. */
export function quotaRoot(texts: readonly string[], more: Partial<QuotaRoot> = {}): QuotaRoot {
  return {
    name: 'quota',
    scope: 'user',
    rules: texts.map((text) => parseQuotaRule(text)),
    grace: { by: 'percent', value: 0 },
    isEnforcing: true,
    ignoresUnlimited: false,
    ...more,
  };
}
