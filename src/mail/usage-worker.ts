/** The thread that reads directories for the quota: reading 10^5 names takes 138 ms (facts/performance.md). */
import { parentPort } from 'node:worker_threads';
import { describeError } from '../core/errors.ts';
import { UsageScanner, type ScanRequest, type ScanResult } from './usage-scan.ts';

export interface ScanTask extends ScanRequest {
  readonly id: number;
}

export type ScanReply =
  | { readonly id: number; readonly kind: 'measured'; readonly result: ScanResult }
  | { readonly id: number; readonly kind: 'failed'; readonly reason: string };

const scanner = new UsageScanner();
const port = parentPort;

port?.on('message', (task: ScanTask) => port.postMessage(scan(task)));

function scan(task: ScanTask): ScanReply {
  try {
    return { id: task.id, kind: 'measured', result: scanner.scan(task) };
  } catch (error) {
    return { id: task.id, kind: 'failed', reason: describeError(error) };
  }
}
