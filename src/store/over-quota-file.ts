/** The file `state_dir/over-quota` (`record-file.ts`): which accounts are over a limit, and since when. */
import type { OverQuotaRecord } from '../mail/over-quota.ts';
import { RecordFile } from './record-file.ts';

const MAX_NAME_CHARS = 1000;

export class OverQuotaFile extends RecordFile<OverQuotaRecord> {
  constructor(path: string) {
    super(path, {
      name: 'over-quota',
      version: 1,
      format: ({ address, root, since, isOverdue }) => [address, root, since, isOverdue],
      parse,
    });
  }
}

function parse(value: unknown): OverQuotaRecord | undefined {
  const [address, root, since, isOverdue]: unknown[] = Array.isArray(value) ? value : [];
  if (!isName(address) || !isName(root) || typeof isOverdue !== 'boolean') return undefined;
  if (typeof since !== 'number' || !Number.isSafeInteger(since) || since < 0) return undefined;
  return { address, root, since, isOverdue };
}

function isName(value: unknown): value is string {
  return typeof value === 'string' && value !== '' && value.length <= MAX_NAME_CHARS;
}
