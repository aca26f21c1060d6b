/**
 * The quota roots of a configuration in their order, `[quota]` first, and what its rules say that cannot be meant. A rule that
 * makes no sense by itself is a fault of its reader; here they are held against each other.
 */
import { hasVariables } from './auth-readers.ts';
import type { QuotaAmount, QuotaRule } from '../core/quota-rule.ts';
import type { Config, QuotaRootConfig, QuotaRootValues } from './config.ts';
import type { CrossFault, IsSound } from './cross-checks.ts';
import { numberKey } from './setting.ts';

/** The values of `[quota NAME]`, as the table reads them. */
export interface NamedRoot {
  /** The whole name: `quota total`. */
  readonly section: string;
  readonly values: QuotaRootValues;
}

const FIRST = 'quota';

/** Puts the roots together. */
export function toQuotaRoots(first: Config['quota'], further: readonly NamedRoot[]): QuotaRootConfig[] {
  return [
    toRoot(FIRST, { ...first, scope: 'user' }),
    ...further.map(({ section, values }) => toRoot(section.slice(`${FIRST} `.length), values)),
  ];
}

function toRoot(name: string, values: QuotaRootValues): QuotaRootConfig {
  const { scope, rules, grace, noenforcing, ignoreunlimited } = values;
  const warnings = values.warnings.filter((warning) => warning !== undefined);
  return { name, scope, rules, grace, warnings, isEnforcing: !noenforcing, ignoresUnlimited: ignoreunlimited };
}

/** Checks every root; where `isSound` says no, a value is not looked at. */
export function checkQuotaRoots({ quotaRoots, userdbs }: Config, isSound: IsSound): CrossFault[] {
  return quotaRoots.flatMap((root, i) => {
    const section = i === 0 ? FIRST : `${FIRST} ${root.name}`;
    const isWhole = isSound(section, 'scope') || i === 0;
    if (!isWhole || root.rules.some((_, index) => !isSound(section, numberKey('rule', index)))) return [];
    return [
      ...checkRules(root.rules).map(({ index, reason }) => ({ section, key: numberKey('rule', index), reason })),
      ...(root.scope === 'domain' ? checkListing(section, userdbs) : []),
    ];
  });
}

interface RuleFault {
  readonly index: number;
  readonly reason: string;
}

function checkRules(rules: QuotaRootConfig['rules']): RuleFault[] {
  return rules.flatMap((rule, index) => {
    if (rule === undefined || rule.kind === 'root') return [];
    const others = rules.filter((other) => other?.mask === rule.mask);
    if (rule.kind === 'ignore') {
      return others.some((other) => other?.kind === 'mailbox')
        ? [{ index, reason: `Cannot ignore "${rule.mask}" and limit it: another rule has the same mask` }]
        : [];
    }
    const resource = findEmptied(rule, rules);
    if (resource === undefined) return [];
    return [
      { index, reason: `Cannot take away the whole ${resource} limit: Dovecot would see none, and take all mail` },
    ];
  });
}

/** The limit of which the rule leaves nothing. */
function findEmptied(
  { storage, messages }: Extract<QuotaRule, { kind: 'mailbox' }>,
  rules: QuotaRootConfig['rules'],
): 'storage' | 'messages' | undefined {
  const roots = rules.filter((rule) => rule?.kind === 'root');
  const storageBytes = roots.findLast((rule) => rule.storageBytes !== undefined)?.storageBytes ?? 0;
  const messageLimit = roots.findLast((rule) => rule.messages !== undefined)?.messages ?? 0;
  if (isEmptied(storageBytes, storage)) return 'storage';
  return isEmptied(messageLimit, messages) ? 'messages' : undefined;
}

function isEmptied(limit: number, change: QuotaAmount | undefined): boolean {
  return limit > 0 && change?.by === 'amount' && limit + change.value <= 0;
}

/** Whoever cannot be listed cannot be added up. */
function checkListing(section: string, userdbs: Config['userdbs']): CrossFault[] {
  return userdbs.flatMap((db) => {
    if (canList(db)) return [];
    const reason = `Cannot add up domains: the users of [userdb ${db.name}] cannot be listed`;
    return [{ section, key: 'scope', reason }];
  });
}

function canList(db: Config['userdbs'][number]): boolean {
  switch (db.driver) {
    case 'sqlite':
      return true;
    case 'passwd-file':
      return !hasVariables(db.path);
    case 'sql':
      return db.iterateQuery !== '';
    case 'static':
    case 'prefetch':
      return false;
  }
}
