/** The file `state_dir/suspensions` (`record-file.ts`): who may not send any more, and since when. */
import type { Suspension } from '../policy/suspensions.ts';
import { RecordFile } from './record-file.ts';

const MAX_WHO_CHARS = 1000;

export class SuspensionFile extends RecordFile<Suspension> {
  constructor(path: string) {
    super(path, { name: 'suspensions', version: 1, format: ({ who, since }) => [who, since], parse });
  }
}

function parse(value: unknown): Suspension | undefined {
  const [who, since]: unknown[] = Array.isArray(value) ? value : [];
  if (typeof who !== 'string' || who.length > MAX_WHO_CHARS) return undefined;
  return typeof since === 'number' && Number.isSafeInteger(since) && since >= 0 ? { who, since } : undefined;
}
