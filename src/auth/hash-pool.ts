/**
 * The hasher of the whole process: fast schemes at once on the event loop, slow ones in worker threads. What a hash
 * costs is looked at before it is computed. Knows no users and caches nothing.
 */
import { availableParallelism } from 'node:os';
import type { Logger } from '../core/logger.ts';
import type { Hasher, HashOptions, HashVerdict, NewHashOptions, ScramParameters } from './hasher.ts';
import { HashWorkers, type HashAnswer, type HashRequest } from './hash-workers.ts';
import { preparePassword } from './saslprep.ts';
import { hashFast, verifyFast } from './schemes/fast.ts';
import { makeDecoy, planHash } from './schemes/new-hash.ts';
import { findScheme, isSlow, type Scheme } from './schemes/scheme.ts';
import { estimateScramMs } from './schemes/scram.ts';
import { parseStoredPassword, type StoredPassword } from './schemes/stored-password.ts';
import { isLocked, readWork } from './schemes/stored-work.ts';
import { isBearable, type HashWork } from './schemes/work.ts';

export interface HashPoolOptions {
  /** Scheme of new passwords, and whose time an unknown user costs (RULES 40). */
  readonly defaultScheme: string;
  /** Threads; one a core when not given. */
  readonly workerCount?: number;
  readonly maxQueued?: number;
  /** Of them, penalised ones. */
  readonly maxPenalised?: number;
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
  /** A hash nobody's password has, of exactly the cost of a new one; none for a scheme that costs nothing. */
  readonly #decoy: string | undefined;
  readonly #workers: HashWorkers;
  readonly #logger: Logger;

  constructor(options: HashPoolOptions) {
    const scheme = findScheme(options.defaultScheme);
    if (scheme === undefined) throw new RangeError(`Cannot hash with scheme "${options.defaultScheme}": not known`);
    this.#scheme = scheme;
    this.#decoy = makeDecoy(scheme);
    this.#logger = options.logger;
    this.#workers = new HashWorkers({
      workerCount: options.workerCount ?? availableParallelism(),
      maxQueued: options.maxQueued ?? MAX_QUEUED,
      maxPenalised: options.maxPenalised,
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

  /** Of them, those that are not penalised. */
  get urgentCount(): number {
    return this.#workers.urgentCount;
  }

  start(): Promise<void> {
    return this.#workers.start();
  }

  stop(): Promise<void> {
    return this.#workers.stop();
  }

  async verify(password: Buffer, stored: string, options: HashOptions = {}): Promise<HashVerdict> {
    const parsed = parseStoredPassword(stored);
    if (parsed === undefined) return 'unusable';
    if (!isSlow(parsed.scheme)) return verifyFast({ password, user: options.user }, parsed);
    // Nothing can match, and finding that out must take as long as for anybody else (RULES 40).
    if (isLocked(parsed)) return this.spend(password, options);
    const work = judgeWork(parsed, password.length);
    if (typeof work === 'string') return work;
    const { memoryKib, estimatedMs } = work;
    const { priority, deadlineMs } = options;
    for (const candidate of listCandidates(password, parsed.scheme)) {
      const request = { kind: 'verify', password: candidate.toString('latin1'), stored } as const;
      const verdict = this.#readVerdict(
        await this.#workers.submit(request, { priority, deadlineMs, memoryKib, estimatedMs }),
      );
      if (verdict !== 'mismatch') return verdict;
    }
    return 'mismatch';
  }

  async spend(password: Buffer, options: HashOptions = {}): Promise<HashVerdict> {
    return this.#decoy === undefined ? 'mismatch' : this.verify(password, this.#decoy, options);
  }

  async hash(password: Buffer, scheme?: string, options: NewHashOptions = {}): Promise<string> {
    const chosen = scheme === undefined ? this.#scheme : findScheme(scheme);
    if (chosen === undefined) throw new RangeError(`Cannot hash with scheme "${scheme ?? ''}": not known`);
    const { rounds, memoryKib } = planHash(password, { scheme: chosen, rounds: options.rounds });
    if (!isSlow(chosen)) return hashFast({ password, user: options.user }, chosen);
    const prepared = chosen.kind === 'scram' ? preparePassword(password) : password;
    const request = { kind: 'hash', password: prepared.toString('latin1'), scheme: chosen.name, rounds } as const;
    const made = await this.#make(request, { priority: options.priority, memoryKib });
    if (made === undefined) throw new Error('Cannot hash password: the hash queue is full');
    return made;
  }

  async deriveScram(
    password: Buffer,
    { algorithm, salt, iterations }: ScramParameters,
    options: HashOptions = {},
  ): Promise<string | undefined> {
    if (!isBearable({ signature: '', estimatedMs: estimateScramMs(iterations), memoryKib: 0 })) {
      throw new RangeError(`Cannot derive SCRAM keys with ${iterations} iterations: too many`);
    }
    const bytes = { password: password.toString('latin1'), salt: salt.toString('latin1') };
    const request = { kind: 'scram', algorithm, iterations, ...bytes } as const;
    try {
      return await this.#make(request, options);
    } catch (error) {
      this.#logger.error('hash.worker-fault', { err: error });
      return undefined;
    }
  }

  #readVerdict(answer: HashAnswer): HashVerdict {
    if (typeof answer === 'string') return answer;
    this.#logger.error('hash.worker-fault', { reason: 'fault' in answer ? answer.fault : 'unexpected answer' });
    return 'busy';
  }

  async #make(request: HashRequest, options: HashOptions & { memoryKib?: number }): Promise<string | undefined> {
    const answer = await this.#workers.submit(request, options);
    if (answer === 'busy') return undefined;
    if (typeof answer !== 'string' && 'text' in answer) return answer.text;
    throw new Error(typeof answer === 'string' ? 'Cannot hash password: unexpected answer' : answer.fault);
  }
}

/** What the hash costs; `unusable` when nobody can bear it, `busy` when only a password this long makes it so. */
function judgeWork(stored: StoredPassword, passwordBytes: number): HashWork | 'unusable' | 'busy' {
  const work = readWork(stored, passwordBytes);
  if (work === undefined) return 'unusable';
  if (isBearable(work)) return work;
  const least = readWork(stored, 0);
  return least !== undefined && isBearable(least) ? 'busy' : 'unusable';
}

/** SCRAM keys are those of the prepared password; Dovecot makes them of the bytes as they are. */
function listCandidates(password: Buffer, { kind }: Scheme): readonly Buffer[] {
  if (kind !== 'scram') return [password];
  const prepared = preparePassword(password);
  return prepared.equals(password) ? [password] : [prepared, password];
}
