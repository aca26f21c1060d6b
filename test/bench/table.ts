/** Plain tables: the first column to the left, numbers to the right. */

export interface Table {
  readonly head: readonly string[];
  readonly rows: readonly (readonly string[])[];
}

const GAP = '  ';

/** The lines of a table. */
export function formatTable({ head, rows }: Table): string[] {
  const widths = head.map((title, i) => Math.max(title.length, ...rows.map((row) => row[i]?.length ?? 0)));
  return [head, ...rows].map((row) =>
    row
      .map((cell, i) => (i === 0 ? cell.padEnd(widths[i] ?? 0) : cell.padStart(widths[i] ?? 0)))
      .join(GAP)
      .trimEnd(),
  );
}

/** A number with a fixed count of decimals and its thousands apart. */
export function formatNumber(value: number, decimals: number): string {
  return value.toLocaleString('en', { minimumFractionDigits: decimals, maximumFractionDigits: decimals });
}

/** The same with its sign. */
export function formatSigned(value: number, decimals: number): string {
  return (value < 0 ? '' : '+') + formatNumber(value, decimals);
}
