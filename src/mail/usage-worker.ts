/** The thread that reads directories for the quota: reading 10^5 names takes 138 ms (facts/performance.md). */
import { parentPort } from 'node:worker_threads';
import { describeError } from '../core/errors.ts';
import { addResults, UsageScanner, type ScanRequest, type ScanResult } from './usage-scan.ts';

export interface ScanTask {
  readonly id: number;
  /** One account, or some of a domain whose sum is wanted. */
  readonly requests: readonly ScanRequest[];
  readonly isForDomain: boolean;
}

export type ScanReply =
  | { readonly id: number; readonly kind: 'measured'; readonly result: ScanResult }
  | { readonly id: number; readonly kind: 'failed'; readonly reason: string };

/** Each with a memory of its own: a directory that the other has read must not keep one from seeing what is in it. */
const accounts = new UsageScanner();
const domains = new UsageScanner();
const port = parentPort;

port?.on('message', (task: ScanTask) => port.postMessage(scan(task)));

function scan({ id, requests, isForDomain }: ScanTask): ScanReply {
  const scanner = isForDomain ? domains : accounts;
  try {
    return { id, kind: 'measured', result: addResults(requests.map((request) => scanner.scan(request))) };
  } catch (error) {
    return { id, kind: 'failed', reason: describeError(error) };
  }
}
