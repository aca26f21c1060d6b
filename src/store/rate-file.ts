/** The file `state_dir/rates` (`record-file.ts`): how a step of a window is written. */
import type { RateRecord } from '../policy/rate-table.ts';
import { RecordFile } from './record-file.ts';

const MAX_WHO_CHARS = 1000;

export class RateFile extends RecordFile<RateRecord> {
  constructor(path: string) {
    super(path, {
      name: 'rates',
      version: 1,
      format: ({ who, window, startedAt, messages, recipients }) => [who, window, startedAt, messages, recipients],
      parse,
    });
  }
}

function parse(value: unknown): RateRecord | undefined {
  const [who, window, startedAt, messages, recipients]: unknown[] = Array.isArray(value) ? value : [];
  if (typeof who !== 'string' || who.length > MAX_WHO_CHARS || (window !== 'hour' && window !== 'day'))
    return undefined;
  if (!isCount(startedAt) || !isCount(messages) || !isCount(recipients)) return undefined;
  return { who, window, startedAt, messages, recipients };
}

function isCount(value: unknown): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0;
}
