/**
 * One quota rule in Dovecot's words, `MASK:ITEM[:ITEM...]` (facts/dovecot.md H.2). The masks `*` and `?` give the limits
 * of the whole root; any other mask names mailboxes and says what is added to those limits for mail that goes there, or
 * that they are left out of the quota (`ignore`). Units are those of RULES 44: `storage` counts KiB unless it says
 * otherwise, K and M are factors of 1024 for `messages` too, `%` and `%%` are the same. What cannot be honoured is
 * refused, never skipped: a limit left out is a mailbox without one.
 */
import { formatSize, parseSize } from './size.ts';

/** A number of bytes or messages, or a share of the root's own limit. */
export interface QuotaAmount {
  readonly by: 'amount' | 'percent';
  /** May be negative where it is added to a limit. */
  readonly value: number;
}

/** The limits of a whole root; 0 is no limit, and undefined says nothing about that resource. */
export interface RootRule {
  readonly kind: 'root';
  /** `?` differs from `*` only for Dovecot's maildir quota, where the limits in `maildirsize` come before it. */
  readonly mask: '*' | '?';
  readonly storageBytes?: number | undefined;
  readonly messages?: number | undefined;
}

/** What is added to the limits of the root for mail to certain mailboxes. */
export interface MailboxRule {
  readonly kind: 'mailbox';
  readonly mask: string;
  readonly storage?: QuotaAmount | undefined;
  readonly messages?: QuotaAmount | undefined;
}

/** Mailboxes that are neither counted nor limited. */
export interface IgnoreRule {
  readonly kind: 'ignore';
  readonly mask: string;
}

export type QuotaRule = RootRule | MailboxRule | IgnoreRule;

/** What most accounts have: one list, so that what is made of it can be remembered. */
export const NO_USER_RULES: readonly UserQuotaRule[] = Object.freeze([]);

/** A rule that a userdb gives one account. */
export interface UserQuotaRule {
  /**
   * 1 for `[quota]` (the field `quota_rule`), 2 for the first further root (`quota2_rule`), and so on; `domain` for every
   * root that limits a domain.
   */
  readonly root: number | 'domain';
  /**
   * The rule it takes the place of: 1 for `quota_rule`, 2 for `quota_rule2`. The embedded database has no numbers: its
   * rules come on top of all others, those of the domain first.
   */
  readonly place: number | 'domain' | 'account';
  readonly rule: QuotaRule;
}

/** No account has more; each is looked at for every message. */
export const MAX_QUOTA_RULES = 64;

const MAX_RULE_CHARS = 1000;
/** Ten thousand times a limit is none. */
const MAX_PERCENT = 1_000_000;
const PERCENT = /^(\d{1,7})%$/;
// oxlint-disable-next-line no-control-regex -- control characters are what is looked for
const CONTROL = /[\u0000-\u001F\u007F]/;

interface Items {
  storage?: QuotaAmount;
  messages?: QuotaAmount;
}

/** Parses a rule; throws SyntaxError that says what is wrong with it. */
export function parseQuotaRule(text: string): QuotaRule {
  if (text.length > MAX_RULE_CHARS) throw new SyntaxError('Cannot parse quota rule: it is too long');
  try {
    return parseRule(text.trim().replaceAll('%%', '%'));
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    throw new SyntaxError(`Cannot parse quota rule "${text}": ${error.message}`, { cause: error });
  }
}

/** Formats a rule in one way, whatever way it was written. */
export function formatQuotaRule(rule: QuotaRule): string {
  switch (rule.kind) {
    case 'ignore':
      return `${rule.mask}:ignore`;
    case 'root': {
      const { mask, storageBytes, messages } = rule;
      const items = [
        ...(storageBytes === undefined ? [] : [`storage=${formatBytes(storageBytes)}`]),
        ...(messages === undefined ? [] : [`messages=${messages}`]),
      ];
      return [mask, ...items].join(':');
    }
    case 'mailbox': {
      const { mask, storage, messages } = rule;
      const items = [
        ...(storage === undefined ? [] : [`storage=${formatChange(storage, formatBytes)}`]),
        ...(messages === undefined ? [] : [`messages=${formatChange(messages, String)}`]),
      ];
      return [mask, ...items].join(':');
    }
  }
}

/** Parses `quota_grace`: a share of the root's storage limit, or a size in bytes; throws SyntaxError. */
export function parseQuotaGrace(text: string): QuotaAmount {
  const percent = parsePercent(text.replaceAll('%%', '%'));
  return percent === undefined ? { by: 'amount', value: parseSize(text) } : { by: 'percent', value: percent };
}

/** Formats a grace. */
export function formatQuotaGrace({ by, value }: QuotaAmount): string {
  return by === 'percent' ? `${value}%` : formatSize(value);
}

function parseRule(text: string): QuotaRule {
  const colon = text.indexOf(':');
  const mask = colon === -1 ? text : text.slice(0, colon);
  const items = colon === -1 ? [] : text.slice(colon + 1).split(':');
  if (mask === '') throw new SyntaxError('it names no mailbox; "*" is the whole account');
  if (CONTROL.test(mask)) throw new SyntaxError('a mailbox name holds no control characters');
  if (items.length === 0) throw new SyntaxError('no limit given');
  if (mask === '*' || mask === '?') return parseRootRule(mask, items);
  const named = mask.toUpperCase() === 'INBOX' ? 'INBOX' : mask;
  if (items.includes('ignore')) {
    if (items.length > 1) throw new SyntaxError('"ignore" stands alone: what is not counted has no limit');
    return { kind: 'ignore', mask: named };
  }
  return { kind: 'mailbox', mask: named, ...parseItems(items, parseChange) };
}

function parseRootRule(mask: '*' | '?', items: readonly string[]): RootRule {
  if (items.includes('ignore')) {
    throw new SyntaxError('"ignore" is for mailboxes; to count without refusing, write noenforcing = yes');
  }
  const { storage, messages } = parseItems(items, parseLimit);
  return {
    kind: 'root',
    mask,
    ...(storage === undefined ? {} : { storageBytes: storage.value }),
    ...(messages === undefined ? {} : { messages: messages.value }),
  };
}

/** Reads a number with its unit. */
type ReadNumber = (text: string) => number;
type ParseValue = (value: string, read: ReadNumber) => QuotaAmount;

function parseItems(items: readonly string[], parseValue: ParseValue): Items {
  const found: Items = {};
  for (const item of items) {
    const [, name = '', value = ''] = /^(storage|bytes|messages)=(.*)$/.exec(item) ?? [];
    if (item.startsWith('backend=')) throw new SyntaxError('"backend" is for drivers that Postern does not have');
    if (name === '') throw new SyntaxError(`unknown limit "${item}"; there are storage, bytes, messages and ignore`);
    // Two names of one thing.
    const resource = name === 'messages' ? 'messages' : 'storage';
    if (found[resource] !== undefined) throw new SyntaxError(`"${item}" says it twice`);
    found[resource] = parseValue(value, (text) => parseNumber(text, { item, unit: name === 'storage' ? 'K' : 'B' }));
  }
  return found;
}

/** The limit of a root. */
function parseLimit(value: string, read: ReadNumber): QuotaAmount {
  if (/^[+-]/.test(value)) throw new SyntaxError('the limit of the whole account has no "+" or "-" before it');
  if (value.endsWith('%')) throw new SyntaxError('the limit of the whole account cannot be a share of itself');
  return { by: 'amount', value: read(value) };
}

/** What a mailbox adds. A bare number means `+`, as it always did to Dovecot, which calls that obsolete. */
function parseChange(value: string, read: ReadNumber): QuotaAmount {
  const [, sign = '', size = ''] = /^([+-]?)(.*)$/.exec(value) ?? [];
  const percent = parsePercent(size);
  const amount = percent ?? read(size);
  if (percent !== undefined && sign === '-' && percent >= 100) {
    throw new SyntaxError('less than -99% would leave nothing');
  }
  // Never -0, which is not equal to 0 everywhere.
  const signed = sign === '-' && amount !== 0 ? -amount : amount;
  return { by: percent === undefined ? 'amount' : 'percent', value: signed };
}

function parsePercent(text: string): number | undefined {
  const [, digits] = PERCENT.exec(text) ?? [];
  if (digits === undefined) return undefined;
  if (Number(digits) > MAX_PERCENT) throw new SyntaxError(`more than ${MAX_PERCENT}% is no limit`);
  return Number(digits);
}

function parseNumber(text: string, { item, unit }: { readonly item: string; readonly unit: 'B' | 'K' }): number {
  try {
    return parseSize(text, unit);
  } catch (error) {
    throw new SyntaxError(`"${item}" holds no number that can be used`, { cause: error });
  }
}

/** With the unit, since a bare number counts KiB. */
function formatBytes(bytes: number): string {
  const size = formatSize(bytes);
  return bytes === 0 || /[A-Z]$/.test(size) ? size : `${size}B`;
}

function formatChange({ by, value }: QuotaAmount, format: (amount: number) => string): string {
  const amount = Math.abs(value);
  return `${value < 0 ? '-' : '+'}${by === 'percent' ? `${amount}%` : format(amount)}`;
}
