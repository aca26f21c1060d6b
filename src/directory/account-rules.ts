/**
 * Accounts put together: what one userdb says with what another said before, and with the `default_fields` and
 * `override_fields` of a section. Pure. Whatever holds mail back or turns a login off stays, whoever said it.
 */
import { expandFields } from '../core/field-templates.ts';
import type { FieldTemplate } from '../core/fields.ts';
import type { UserQuotaRule } from '../core/quota-rule.ts';
import type { Account, Receive } from './source.ts';
import { readAccount, type SystemIds } from './userdb-fields.ts';

/** From the mildest to the strictest that is not for good: a fault must never refuse mail. */
const STRICTNESS: readonly Receive[] = ['accept', 'refuse', 'hold'];

export interface FieldRules {
  readonly defaultFields: readonly FieldTemplate[];
  readonly overrideFields: readonly FieldTemplate[];
}

/** The account with what `later` says in place of what was there. */
export function mergeAccounts(earlier: Account, later: Account): Account {
  return {
    address: later.address,
    source: later.source,
    canLogin: earlier.canLogin && later.canLogin,
    canSend: earlier.canSend && later.canSend,
    receive: stricter(earlier.receive, later.receive),
    host: later.host ?? earlier.host,
    home: later.home ?? earlier.home,
    mail: later.mail ?? earlier.mail,
    uid: later.uid ?? earlier.uid,
    gid: later.gid ?? earlier.gid,
    quota: mergeRules(earlier.quota, later.quota),
  };
}

/** Applies the fields of a section; throws SyntaxError for a variable that has no value. */
export function applyFieldRules(account: Account, rules: FieldRules, ids: SystemIds): Account {
  const { address, source } = account;
  const read = (templates: readonly FieldTemplate[]): Account | undefined =>
    readAccount({ address, source, fields: expandFields(templates, { user: address }), ids }).account;
  const defaults = rules.defaultFields.length === 0 ? undefined : read(rules.defaultFields);
  const overrides = rules.overrideFields.length === 0 ? undefined : read(rules.overrideFields);
  // A default never renames: the entry has a name.
  const filled = defaults === undefined ? account : mergeAccounts({ ...defaults, address }, account);
  return overrides === undefined ? filled : mergeAccounts(filled, overrides);
}

function stricter(one: Receive, other: Receive): Receive {
  return STRICTNESS.indexOf(one) > STRICTNESS.indexOf(other) ? one : other;
}

/** Rule by rule: a userdb that says nothing of `quota_rule2` leaves it as it was. */
function mergeRules(earlier: readonly UserQuotaRule[], later: readonly UserQuotaRule[]): readonly UserQuotaRule[] {
  if (earlier.length === 0) return later;
  const isReplaced = ({ root, place }: UserQuotaRule): boolean =>
    later.some((rule) => rule.root === root && rule.place === place);
  return [...earlier.filter((rule) => !isReplaced(rule)), ...later];
}
