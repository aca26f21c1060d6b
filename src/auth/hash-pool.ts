/**
 * The hasher of the whole process: fast schemes at once on the event loop, slow ones in worker threads. Knows no
 * users and caches nothing.
 */
import { createHash, createHmac, pbkdf2Sync } from 'node:crypto';
import { availableParallelism } from 'node:os';
import type { Logger } from '../core/logger.ts';
import { hashFast, verifyFast } from './fast-schemes.ts';
import type { Hasher, HashVerdict, ScramParameters } from './hasher.ts';
import { HashWorkers } from './hash-workers.ts';
import { findScheme, isSlow, parseStoredPassword, type Scheme } from './schemes.ts';

export interface HashPoolOptions {
  /** Scheme of new passwords, and whose time an unknown user costs (RULES 40). */
  readonly defaultScheme: string;
  /** Threads; one a core when not given. */
  readonly workerCount?: number;
  readonly maxQueued?: number;
  readonly deadlineMs?: number;
  readonly logger: Logger;
  /** The code of a worker; the tests have one that crashes. */
  readonly workerUrl?: URL;
}

/** At 700 SHA512-CRYPT a second and core this is under the deadline on one core. */
const MAX_QUEUED = 1000;
/** SASL must answer in 8 s, and a failure delay's mark comes after this. */
const DEADLINE_MS = 6000;

export class HashPool implements Hasher {
  readonly #scheme: Scheme;
  readonly #workers: HashWorkers;
  readonly #logger: Logger;
  /** A hash nobody's password has, of exactly the cost of a new one; made at its first use. */
  #decoy: Promise<string> | undefined;

  constructor(options: HashPoolOptions) {
    const scheme = findScheme(options.defaultScheme);
    if (scheme === undefined) throw new RangeError(`Cannot hash with scheme "${options.defaultScheme}": not known`);
    this.#scheme = scheme;
    this.#logger = options.logger;
    this.#workers = new HashWorkers({
      workerCount: options.workerCount ?? availableParallelism(),
      maxQueued: options.maxQueued ?? MAX_QUEUED,
      deadlineMs: options.deadlineMs ?? DEADLINE_MS,
      logger: options.logger,
      ...(options.workerUrl === undefined ? {} : { workerUrl: options.workerUrl }),
    });
  }

  /** Slow jobs answered `busy` since the start. */
  get busyCount(): number {
    return this.#workers.busyCount;
  }

  /** Slow jobs that wait for a thread now. */
  get queuedCount(): number {
    return this.#workers.queuedCount;
  }

  start(): Promise<void> {
    return this.#workers.start();
  }

  stop(): Promise<void> {
    return this.#workers.stop();
  }

  async verify(password: Buffer, stored: string): Promise<HashVerdict> {
    const parsed = parseStoredPassword(stored);
    if (parsed === undefined) return 'unusable';
    if (!isSlow(parsed.scheme)) return verifyFast(password, parsed);
    const answer = await this.#workers.submit({ kind: 'verify', password: copy(password), stored });
    if (answer === 'busy') return 'busy';
    if (answer.kind === 'verdict') return answer.verdict;
    if (answer.kind === 'fault') this.#logger.error('hash.worker-fault', { reason: answer.reason });
    return 'busy';
  }

  async spend(password: Buffer): Promise<HashVerdict> {
    this.#decoy ??= this.hash(Buffer.from('decoy'));
    try {
      return await this.verify(password, await this.#decoy);
    } catch {
      // The queue was full: the next one tries again.
      this.#decoy = undefined;
      return 'busy';
    }
  }

  /** Rejects with RangeError for a scheme that is not known, with Error when the queue is full. */
  async hash(password: Buffer, scheme?: string): Promise<string> {
    const chosen = scheme === undefined ? this.#scheme : findScheme(scheme);
    if (chosen === undefined) throw new RangeError(`Cannot hash with scheme "${scheme ?? ''}": not known`);
    if (!isSlow(chosen)) return hashFast(password, chosen);
    const answer = await this.#workers.submit({ kind: 'hash', password: copy(password), scheme: chosen.name });
    if (answer === 'busy') throw new Error('Cannot hash password: the hash queue is full');
    if (answer.kind === 'hash') return answer.stored;
    throw new Error(answer.kind === 'fault' ? answer.reason : 'Cannot hash password: unexpected answer');
  }

  deriveScram(password: Buffer, { algorithm, salt, iterations }: ScramParameters): Promise<string | 'busy'> {
    const bytes = createHash(algorithm).digest().length;
    const salted = pbkdf2Sync(password, salt, iterations, bytes, algorithm);
    const clientKey = createHmac(algorithm, salted).update('Client Key').digest();
    const storedKey = createHash(algorithm).update(clientKey).digest('base64');
    const serverKey = createHmac(algorithm, salted).update('Server Key').digest('base64');
    return Promise.resolve([iterations, salt.toString('base64'), storedKey, serverKey].join(','));
  }
}

/** Node's small Buffers share one slab, and cloning a part of it to a worker would copy all of it. */
function copy(password: Buffer): Uint8Array {
  return new Uint8Array(password);
}
