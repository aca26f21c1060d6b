/**
 * What the passdbs said lately about users who logged in: it spares the slow hash of a password that was good with the
 * same stored hash, and lets those users in while a passdb is down. A login that failed never makes an entry, and a
 * wrong password is never kept. A right one is kept as a keyed digest, under a key that lives and dies with the process.
 *
 * There is one entry for a user, and it follows whatever the passdb says later: a hash that was seen to change takes the
 * old password along, so that it is worth nothing in an outage either.
 */
import { hash, randomBytes } from 'node:crypto';
import type { Clock } from '../core/clock.ts';
import type { Absent, Found } from '../core/outcome.ts';
import { Generations } from './generations.ts';
import { joinParts } from './key-parts.ts';
import type { PassdbEntry } from './passdb.ts';

/** Everything an answer of a passdb can depend on, part by part: an entry must never serve somebody else. */
export interface LoginKey {
  readonly passdb: string;
  readonly service: string;
  readonly username: string;
  /** The values of whatever else plays a part. */
  readonly values: readonly string[];
}

/** An answer that was part of a good login: an entry, or that nobody of that name is denied. */
export type KnownAnswer = Found<PassdbEntry> | Absent;

export interface LoginCacheOptions {
  /** How long a good login is remembered. */
  readonly ttlMs: number;
  readonly maxEntries: number;
  readonly clock: Clock;
}

interface Known {
  readonly answer: KnownAnswer;
  /** Of the password that matches the entry's stored hash; undefined when it was not this entry's that was typed. */
  readonly digest: string | undefined;
  readonly expiresAt: number;
}

const SECRET_BYTES = 32;
const NO_PASSWORD = Buffer.alloc(0);

export class LoginCache {
  readonly #options: LoginCacheOptions;
  readonly #secret = randomBytes(SECRET_BYTES);
  readonly #known: Generations<Known>;
  readonly #isOff: boolean;
  /** Logins that spared a hash, or got in during an outage. */
  hitCount = 0;
  /** Passwords that were not remembered, or no longer. */
  missCount = 0;

  constructor(options: LoginCacheOptions) {
    this.#options = options;
    this.#isOff = options.ttlMs <= 0 || options.maxEntries <= 0;
    this.#known = new Generations('login', this.#isOff ? 0 : options.maxEntries);
  }

  /** Users kept now, expired ones included. */
  get size(): number {
    return this.#known.size;
  }

  /** The name of an entry in this cache; worthless outside this process. */
  keyOf({ passdb, service, username, values }: LoginKey): string {
    return this.#digest(joinParts([passdb, service, username, ...values]), NO_PASSWORD);
  }

  /** What is kept of a right password. */
  digestOf(key: string, password: Buffer): string {
    return this.#digest(`${key}:`, password);
  }

  /** What the passdb said last, for an outage. */
  find(key: string): KnownAnswer | undefined {
    return this.#find(key)?.answer;
  }

  /** Whether this password was good lately, with the hash that is stored now. */
  isGood(key: string, { stored, digest }: { readonly stored: string | undefined; readonly digest: string }): boolean {
    const known = this.#find(key);
    const isGood = known?.answer.kind === 'found' && known.answer.value.password === stored && known.digest === digest;
    if (isGood) this.hitCount += 1;
    else this.missCount += 1;
    return isGood;
  }

  /** Takes over what the passdb says of a user now; nothing is kept of a user who is not here yet. */
  observe(key: string, answer: KnownAnswer): void {
    const known = this.#find(key);
    if (known === undefined || isSame(known.answer, answer)) return;
    if (known.answer.kind !== answer.kind) this.#known.delete(key);
    else
      this.#known.set(key, { ...known, answer, digest: isSameHash(known.answer, answer) ? known.digest : undefined });
  }

  /** Remembers an answer that a good login stood on. */
  remember(key: string, answer: KnownAnswer, digest: string | undefined): void {
    const { clock, ttlMs } = this.#options;
    const latest = this.#find(key)?.answer ?? answer;
    // While the password was compared somebody else was told of a change: what they heard is newer.
    if (!isSame(latest, answer) && !isSameHash(latest, answer)) return;
    this.#known.set(key, { answer: latest, digest, expiresAt: clock.now() + ttlMs });
  }

  #find(key: string): Known | undefined {
    const known = this.#known.get(key);
    if (known === undefined || known.expiresAt > this.#options.clock.now()) return known;
    this.#known.delete(key);
    return undefined;
  }

  /** A keyed hash in one call takes a third of an HMAC's time, and nobody sees its output who could extend it. */
  #digest(text: string, password: Buffer): string {
    // Nothing is looked up by it.
    if (this.#isOff) return '';
    return hash('sha256', Buffer.concat([this.#secret, Buffer.from(text), password]), 'base64');
  }
}

function isSame(one: KnownAnswer, other: KnownAnswer): boolean {
  return one.kind === 'found' && other.kind === 'found' ? one.value === other.value : one.kind === other.kind;
}

function isSameHash(one: KnownAnswer, other: KnownAnswer): boolean {
  return one.kind === 'found' && other.kind === 'found' && one.value.password === other.value.password;
}
