/**
 * Remembers good logins so that the slow hash is not paid each time, and so that known users get in while a passdb is
 * down. Never a failure: a wrong password is never remembered. A password is kept only as a keyed digest under a key
 * that lives and dies with the process.
 *
 * node-cache is told to sweep nothing and copy nothing (a sweep blocks the loop for a second at a million keys, and
 * `maxKeys` throws on updates, RULES 33). Entries expire when read. There are two generations: when the young one holds
 * half of what is allowed it becomes the old one, and the old one is dropped whole, so no entry costs a search.
 */
import { hash, randomBytes } from 'node:crypto';
import NodeCache from 'node-cache';
import type { Clock } from '../core/clock.ts';

/** What makes two logins the same; everything that could make the answer differ is in it. */
export interface LoginKey {
  readonly passdb: string;
  readonly service: string;
  readonly username: string;
  readonly password: Buffer;
}

export interface CachedLogin {
  /** The stored hash that matched; the entry is good only while the passdb still has this one. */
  readonly stored: string | undefined;
  /** Canonical address. */
  readonly user: string;
  readonly allowNets: readonly string[];
}

export interface LoginCacheOptions {
  readonly ttlMs: number;
  readonly maxEntries: number;
  readonly clock: Clock;
}

interface Timed {
  readonly login: CachedLogin;
  readonly expiresAt: number;
}

const PREFIX = 'login:';
const KEY_BYTES = 32;

export class LoginCache {
  readonly #options: LoginCacheOptions;
  readonly #secret = randomBytes(KEY_BYTES);
  #young = createGeneration();
  #old = createGeneration();
  /** Logins that spared a hash, or got in during an outage. */
  hitCount = 0;
  /** Logins that were not remembered, or whose entry had expired. */
  missCount = 0;

  constructor(options: LoginCacheOptions) {
    this.#options = options;
  }

  /** Entries kept now, expired ones included. */
  get size(): number {
    return this.#young.getStats().keys + this.#old.getStats().keys;
  }

  /** The name of a login in this cache; worthless outside this process. */
  keyOf(login: LoginKey): string {
    // Lengths keep the parts apart whatever they hold; the password is last. A keyed hash in one call takes a third of
    // an HMAC's time, and nobody sees its output who could extend it.
    const { passdb, service, username } = login;
    const parts = Buffer.from(`${passdb.length}:${passdb}${service.length}:${service}${username.length}:${username}`);
    return PREFIX + hash('sha256', Buffer.concat([this.#secret, parts, login.password]), 'base64');
  }

  find(key: string): CachedLogin | undefined {
    const young = this.#young.get<Timed>(key);
    const timed = young ?? this.#old.get<Timed>(key);
    if (timed === undefined || timed.expiresAt <= this.#options.clock.now()) {
      if (timed !== undefined) this.forget(key);
      this.missCount += 1;
      return undefined;
    }
    if (young === undefined) this.#keep(key, timed);
    this.hitCount += 1;
    return timed.login;
  }

  remember(key: string, login: CachedLogin): void {
    const { clock, ttlMs, maxEntries } = this.#options;
    if (ttlMs > 0 && maxEntries > 0) this.#keep(key, { login, expiresAt: clock.now() + ttlMs });
  }

  forget(key: string): void {
    this.#young.del(key);
    this.#old.del(key);
  }

  #keep(key: string, timed: Timed): void {
    this.forget(key);
    if (this.#young.getStats().keys >= this.#options.maxEntries / 2) {
      this.#old = this.#young;
      this.#young = createGeneration();
    }
    this.#young.set(key, timed);
  }
}

function createGeneration(): NodeCache {
  return new NodeCache({ checkperiod: 0, useClones: false, stdTTL: 0 });
}
