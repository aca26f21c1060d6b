/**
 * One quota warning as Dovecot writes it (facts/dovecot.md H.4): `storage=95%`, `messages=1K`, a minus before it for the
 * way down (`-storage=100%`), and after it, parted by blanks, a command with its arguments. `%%` means the same as `%`
 * after a number (RULES 44); in the command it is the variables' way to write one.
 */
import { parseSize } from './size.ts';

/** Where a warning stands: a share of the limit, or an amount (bytes, or messages). */
export type WarningThreshold =
  { readonly kind: 'percent'; readonly percent: number } | { readonly kind: 'amount'; readonly amount: number };

export interface QuotaWarning {
  readonly resource: 'storage' | 'messages';
  /** `over`: usage reaches the threshold. `under`: it was there and is below it again. */
  readonly direction: 'over' | 'under';
  readonly threshold: WarningThreshold;
  /** The program and its arguments, variables not yet expanded; empty for none. */
  readonly command: readonly string[];
}

const WARNING = /^([+-]?)(storage|messages)=([^\s%]+)(%{0,2})(?:\s+(\S.*))?$/s;
const MAX_PERCENT = 1000;
const WORD = /\s*(?:"([^"]*)"|'([^']*)'|([^\s"']+))(?=\s|$)/gy;

/** Parses a warning; throws SyntaxError for anything else, and for a command without a whole path. */
export function parseQuotaWarning(text: string): QuotaWarning {
  const match = WARNING.exec(text.trim());
  if (match === null) {
    throw new SyntaxError(
      `Cannot parse quota warning "${text}": write storage=95% or messages=1K, and a command if any`,
    );
  }
  const [, sign, resource, number = '', percent = '', rest = ''] = match;
  return {
    resource: resource === 'messages' ? 'messages' : 'storage',
    direction: sign === '-' ? 'under' : 'over',
    threshold: parseThreshold(number, { isPercent: percent !== '', isStorage: resource === 'storage', text }),
    command: parseCommand(rest, text),
  };
}

/** Formats a warning so that it is read as the same. */
export function formatQuotaWarning({ resource, direction, threshold, command }: QuotaWarning): string {
  const unit = resource === 'storage' ? 'B' : '';
  const value = threshold.kind === 'percent' ? `${threshold.percent}%` : `${threshold.amount}${unit}`;
  const words = command.map((word) => (/^[^\s"']+$/.test(word) ? word : quoteWord(word)));
  return [`${direction === 'under' ? '-' : ''}${resource}=${value}`, ...words].join(' ');
}

/** The usage at which a warning stands: bytes, or messages; undefined for a share of no limit. */
export function findThreshold(
  { threshold, resource }: QuotaWarning,
  limits: { readonly storageBytes?: number | undefined; readonly messages?: number | undefined },
): number | undefined {
  if (threshold.kind === 'amount') return threshold.amount;
  const limit = resource === 'storage' ? limits.storageBytes : limits.messages;
  return limit === undefined || limit <= 0 ? undefined : Math.ceil((limit * threshold.percent) / 100);
}

function parseThreshold(
  number: string,
  { isPercent, isStorage, text }: { isPercent: boolean; isStorage: boolean; text: string },
): WarningThreshold {
  if (isPercent) {
    const percent = /^\d{1,4}$/.test(number) ? Number(number) : 0;
    if (percent >= 1 && percent <= MAX_PERCENT) return { kind: 'percent', percent };
    throw new SyntaxError(`Cannot parse quota warning "${text}": a percentage is 1 to ${MAX_PERCENT}`);
  }
  try {
    const amount = parseSize(number, isStorage ? 'K' : 'B');
    if (amount > 0) return { kind: 'amount', amount };
  } catch (error) {
    throw new SyntaxError(`Cannot parse quota warning "${text}": "${number}" is no number`, { cause: error });
  }
  throw new SyntaxError(`Cannot parse quota warning "${text}": zero is always reached`);
}

/** Words parted by blanks, as no shell would see them: quotes only keep blanks together. */
function parseCommand(rest: string, text: string): string[] {
  const matches = [...rest.trimEnd().matchAll(WORD)];
  const last = matches.at(-1);
  const end = last === undefined ? 0 : last.index + last[0].length;
  if (end < rest.trimEnd().length) {
    throw new SyntaxError(`Cannot parse quota warning "${text}": quotes do not match in its command`);
  }
  const words = matches.map(([, double, single, plain]) => double ?? single ?? plain ?? '');
  if (words[0] !== undefined && !words[0].startsWith('/')) {
    throw new SyntaxError(
      `Cannot parse quota warning "${text}": the command needs a whole path, such as /usr/local/bin/warn`,
    );
  }
  return words;
}

function quoteWord(word: string): string {
  return word.includes('"') ? `'${word}'` : `"${word}"`;
}
