/**
 * Remembers good logins so that the slow hash is not paid each time, and so that known users get in while a passdb is
 * down. Never a failure: a wrong password is never remembered. A password is kept only as a keyed digest under a key
 * that lives and dies with the process.
 *
 * node-cache is told to sweep nothing and copy nothing (a sweep blocks the loop for a second at a million keys, and
 * `maxKeys` throws on updates, RULES 33): entries expire when read, and the oldest go when there are too many.
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
  readonly #cache = new NodeCache({ checkperiod: 0, useClones: false, stdTTL: 0 });
  readonly #secret = randomBytes(KEY_BYTES);
  /** Keys, oldest first; node-cache does not know which one that is. */
  readonly #order = new Set<string>();
  /** Logins that spared a hash, or got in during an outage. */
  hitCount = 0;
  /** Logins that were not remembered, or whose entry had expired. */
  missCount = 0;

  constructor(options: LoginCacheOptions) {
    this.#options = options;
  }

  /** Entries kept now, expired ones included. */
  get size(): number {
    return this.#order.size;
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
    const timed = this.#cache.get<Timed>(key);
    if (timed !== undefined && timed.expiresAt > this.#options.clock.now()) {
      this.hitCount += 1;
      return timed.login;
    }
    if (timed !== undefined) this.forget(key);
    this.missCount += 1;
    return undefined;
  }

  remember(key: string, login: CachedLogin): void {
    const { clock, ttlMs, maxEntries } = this.#options;
    if (ttlMs <= 0 || maxEntries <= 0) return;
    this.forget(key);
    for (const oldest of this.#order) {
      if (this.#order.size < maxEntries) break;
      this.forget(oldest);
    }
    const timed: Timed = { login, expiresAt: clock.now() + ttlMs };
    this.#cache.set(key, timed);
    this.#order.add(key);
  }

  forget(key: string): void {
    this.#cache.del(key);
    this.#order.delete(key);
  }
}
