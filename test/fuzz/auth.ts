/**
 * Fuzzing of the auth socket of a real Postern: several connections at once, each with a user of its own. It fails for a
 * process that ends, a fault in the log, a reply that belongs to somebody else, a success without the password, a good
 * login that is not answered, and memory that grows.
 */
import assert from 'node:assert/strict';
import { chmodSync, chownSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createRandom } from '../bench/statistics.ts';
import { Postern, readLog, type Settings } from '../support/postern.ts';
import { Probe } from '../support/probe.ts';
import { createSystemFolder, MAIL_USER } from '../support/system-folder.ts';
import { AuthLines } from './auth-lines.ts';
import { FuzzConnection, type FuzzTally } from './fuzz-connection.ts';

export interface FuzzRun {
  readonly lines: number;
  readonly seed: number;
  /** Called after every tenth of the lines. */
  readonly onProgress?: (tally: FuzzTally) => void;
}

export interface FuzzResult extends FuzzTally {
  readonly seconds: number;
  /** Memory in use after a tenth of the lines and after all of them. */
  readonly heapMb: readonly [number, number];
}

const CONNECTIONS = 8;
const BATCH = 20;
const STEPS = 10;
/** Of the batches, those that the connection lived through. */
const MIN_SURVIVED = 0.05;
const BYTES_PER_MB = 1024 * 1024;
/** What a process may take for code that was compiled late and tables that were not full yet. */
const MAX_GROWTH_MB = 16;

/** Runs and throws AssertionError for what is wrong. */
export async function fuzzAuth({ lines, seed, onProgress }: FuzzRun): Promise<FuzzResult> {
  const { path: folder, remove } = createSystemFolder();
  try {
    const { postern, settings } = createPostern(folder);
    const probe = new Probe(postern);
    const logFile = join(folder, 'postern.log');
    await postern.start({ logFile, environment: probe.environment });
    // A line for each login and each connection that was closed says nothing here and fills the disk.
    postern.configure({ ...settings, log: { level: 'error' } });
    postern.run(['reload']);
    const tally: FuzzTally = {
      lines: 0,
      connections: 0,
      accepted: 0,
      rejected: 0,
      challenges: 0,
      survived: 0,
      violations: [],
    };
    const startedAt = performance.now();
    const connections = Array.from({ length: CONNECTIONS }, (_, index) => {
      const random = createRandom(seed * CONNECTIONS + index);
      const path = join(postern.socketDirectory, 'auth');
      return new FuzzConnection({ path, index, ...userOf(index), random, lines: new AuthLines(random), tally });
    });
    const heapMb: number[] = [];
    for (let step = 1; step <= STEPS; step++) {
      const limit = (lines * step) / STEPS;
      await Promise.all(
        connections.map(async (connection) => {
          while (tally.lines < limit && tally.violations.length === 0) await connection.play(BATCH);
        }),
      );
      onProgress?.(tally);
      if (step === 1 || step === STEPS) heapMb.push((await probe.read()).heapBytes / BYTES_PER_MB);
    }
    for (const connection of connections) connection.close();
    await postern.stop();
    const seconds = (performance.now() - startedAt) / 1000;
    const [first = Number.NaN, last = Number.NaN] = heapMb;
    assert.deepEqual(tally.violations, []);
    assert.deepEqual(
      readLog(logFile).filter(({ level }) => level === 'error'),
      [],
    );
    assert.ok(last - first < MAX_GROWTH_MB, `memory grew from ${first} to ${last} MB`);
    // Garbage that only ever closes the connection would find nothing.
    assert.ok(tally.survived > (MIN_SURVIVED * tally.lines) / BATCH, JSON.stringify(tally));
    return { ...tally, seconds, heapMb: [first, last] };
  } finally {
    await remove();
  }
}

function userOf(index: number): { user: string; password: string } {
  return { user: `user${index}@example.test`, password: `secret ${index}` };
}

function createPostern(folder: string): { postern: Postern; settings: Settings } {
  const socketDirectory = join(folder, 'sockets');
  mkdirSync(socketDirectory);
  chownSync(socketDirectory, MAIL_USER.uid, MAIL_USER.gid);
  const users = join(folder, 'users');
  const entries = Array.from({ length: CONNECTIONS }, (_, index) => userOf(index));
  writeFileSync(users, entries.map(({ user, password }) => `${user}:{PLAIN}${password}::::::\n`).join(''));
  chmodSync(users, 0o644);
  const driver = { driver: 'passwd-file', path: users };
  const settings = {
    // Waits would be all that is measured. An unknown user still costs a hash, so it is the cheapest there is.
    auth: { failure_delay: '0s', penalties: 'no', default_scheme: 'SHA512-CRYPT' },
    'passdb users': driver,
    'userdb users': driver,
  };
  return { postern: new Postern({ folder, socketDirectory, settings }), settings };
}
