/**
 * One quota rule as Dovecot writes it: `*:storage=1G:messages=1K`. Only the mask `*` (the whole account) is read
 * yet; every other mask and limit is refused, never skipped: a limit left out is a mailbox without one. Units are
 * those of RULES 44: `storage` without a unit counts KiB, K and M are factors of 1024 for `messages` too.
 */
import { parseSize } from './size.ts';

/** The limits a rule sets; undefined where it sets none. */
export interface QuotaRule {
  readonly storageBytes?: number | undefined;
  readonly messages?: number | undefined;
}

/** Parses a rule; throws SyntaxError for any mask but `*`, an unknown or doubled item, or a malformed number. */
export function parseQuotaRule(text: string): QuotaRule {
  const [mask, ...items] = text.trim().split(':');
  if (mask !== '*') throw new SyntaxError(`Cannot parse quota rule "${text}": only the mask "*" is supported`);
  if (items.length === 0) throw new SyntaxError(`Cannot parse quota rule "${text}": no limit given`);
  const rule: { storageBytes?: number; messages?: number } = {};
  for (const item of items) {
    const { key, count } = parseItem(item, text);
    if (key in rule) throw new SyntaxError(`Cannot parse quota rule "${text}": "${item}" says it twice`);
    rule[key] = count;
  }
  // Zero is Dovecot's word for "no limit".
  return {
    ...(rule.storageBytes ? { storageBytes: rule.storageBytes } : {}),
    ...(rule.messages ? { messages: rule.messages } : {}),
  };
}

/** Formats limits as a rule; no limit at all is `*:storage=0`. */
export function formatQuotaRule(rule: QuotaRule): string {
  const { storageBytes, messages } = rule;
  const storage = storageBytes === undefined && messages !== undefined ? '' : `:storage=${storageBytes ?? 0}B`;
  return `*${storage}${messages === undefined ? '' : `:messages=${messages}`}`;
}

function parseItem(item: string, rule: string): { key: 'storageBytes' | 'messages'; count: number } {
  const [, name, value = ''] = /^(storage|messages)=(.+)$/.exec(item) ?? [];
  try {
    if (name === 'storage') return { key: 'storageBytes', count: parseSize(value, 'K') };
    if (name === 'messages') return { key: 'messages', count: parseSize(value) };
  } catch (error) {
    throw new SyntaxError(`Cannot parse quota rule "${rule}": "${item}" holds no number`, { cause: error });
  }
  throw new SyntaxError(`Cannot parse quota rule "${rule}": unknown limit "${item}"`);
}
