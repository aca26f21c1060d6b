/** Quota readings as text: the table of `doveadm quota get`, with its words and its rounding. */
import type { QuotaReading, RootReading } from './quota-reading.ts';

const BYTES_PER_KIB = 1024;
const PERCENT = 100;
const NO_LIMIT = '-';
const HEAD = ['Quota name', 'Type', 'Value', 'Limit', '%'];
/** Numbers stand at the right. */
const FIRST_NUMBER = 2;
const USER_HEAD = 'Username';
/** Names are as wide as this at least, so that the parts of a long list look alike. */
const USER_COLUMNS = 24;
const COLUMNS = [10, 7, 8, 8, 3];

/** The first line; `hasUsers` where several accounts are shown. */
export function formatHead({ hasUsers }: { readonly hasUsers: boolean }): string {
  return formatRow(hasUsers ? [USER_HEAD, ...HEAD] : HEAD, hasUsers);
}

/** Two lines a root; none for an account of which nothing is known. */
export function formatReading(reading: QuotaReading, { hasUsers }: { readonly hasUsers: boolean }): string {
  if (reading.kind === 'unknown') return '';
  const rows = reading.roots.flatMap(listRows);
  return rows.map((row) => formatRow(hasUsers ? [reading.user, ...row] : row, hasUsers)).join('');
}

/** A reading for `--json`: no limit is null, an amount is in bytes. */
export function readingToJson(reading: QuotaReading): object {
  const { user } = reading;
  if (reading.kind === 'unknown') return { user, error: reading.reason };
  const roots = reading.roots.map((root) => {
    const { name, scope, storageBytes, storageLimitBytes, messages, messageLimit } = root;
    return {
      name,
      scope,
      storageBytes,
      storageLimitBytes: storageLimitBytes === 0 ? null : storageLimitBytes,
      messages,
      messageLimit: messageLimit === 0 ? null : messageLimit,
    };
  });
  return { user, roots };
}

function listRows({ name, storageBytes, storageLimitBytes, messages, messageLimit }: RootReading): string[][] {
  return [
    [name, 'STORAGE', ...formatUsage(toKib(storageBytes), toKib(storageLimitBytes))],
    [name, 'MESSAGE', ...formatUsage(messages, messageLimit)],
  ];
}

function toKib(bytes: number): number {
  return Math.ceil(bytes / BYTES_PER_KIB);
}

function formatUsage(value: number, limit: number): string[] {
  if (limit === 0) return [String(value), NO_LIMIT, '0'];
  return [String(value), String(limit), String(Math.floor((value * PERCENT) / limit))];
}

function formatRow(cells: readonly string[], hasUsers: boolean): string {
  const widths = hasUsers ? [USER_COLUMNS, ...COLUMNS] : COLUMNS;
  const firstNumber = hasUsers ? FIRST_NUMBER + 1 : FIRST_NUMBER;
  const padded = cells.map((cell, i) =>
    i < firstNumber ? cell.padEnd(widths[i] ?? 0) : cell.padStart(widths[i] ?? 0),
  );
  return `${padded.join(' ')}\n`;
}
