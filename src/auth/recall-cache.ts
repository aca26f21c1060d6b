/**
 * Good PLAIN logins as they came over the wire, so that the next one costs neither decoding nor a lookup nor a promise.
 * An entry is good only as long as every passdb that had a say is known to be unchanged, and it is asked for nothing that
 * has to be verified: whatever is in doubt goes the long way.
 *
 * Neither response nor password is kept: the key is SHA-256 over both and a secret that lives and dies with the process. It
 * cannot be turned back, and without the secret not even a guess can be tried. One hash in one call takes a microsecond;
 * HMAC takes five, and nobody sees a key who could lengthen its text.
 */
import { hash, randomBytes } from 'node:crypto';
import type { Clock } from '../core/clock.ts';
import type { AppPassword } from './app-password.ts';
import type { AskedVersion } from './attempt-lookups.ts';
import { joinParts, listValues } from './key-parts.ts';
import type { Accepted, LoginContext } from './login.ts';
import type { NetworkList } from './networks.ts';
import { RecentMap } from './recent-map.ts';

export interface RecalledLogin {
  readonly accepted: Accepted;
  /** The name penalties are counted by. */
  readonly username: string;
  /** Lists that the client's address must be in, every one of them. */
  readonly networks: readonly NetworkList[];
  readonly appPassword: AppPassword | undefined;
}

interface Kept {
  readonly login: RecalledLogin;
  readonly versions: readonly AskedVersion[];
  readonly expiresAt: number;
}

export interface RecallCacheOptions {
  readonly ttlMs: number;
  readonly maxEntries: number;
  readonly clock: Clock;
  /** What plays a part in the answers of the passdbs beside what is in the response and the service. */
  readonly variables: readonly string[];
}

const SECRET_BYTES = 32;

export class RecallCache {
  readonly #options: RecallCacheOptions;
  /** Text, so that the key is made in one call. */
  readonly #secret = randomBytes(SECRET_BYTES).toString('base64');
  readonly #kept: RecentMap<Kept>;
  readonly #isOff: boolean;
  /** Logins decided from here. */
  recallCount = 0;

  constructor(options: RecallCacheOptions) {
    this.#options = options;
    this.#isOff = options.ttlMs <= 0 || options.maxEntries <= 0;
    this.#kept = new RecentMap(this.#isOff ? 0 : options.maxEntries);
  }

  get size(): number {
    return this.#kept.size;
  }

  /** Finds a login that is surely still good from this address; the caller counts it as recalled when it uses it. */
  find(initialResponse: string, context: LoginContext): RecalledLogin | undefined {
    if (this.#isOff) return undefined;
    const key = this.#keyOf(initialResponse, context);
    const kept = this.#kept.get(key);
    if (kept === undefined) return undefined;
    const { login, versions, expiresAt } = kept;
    const state = expiresAt <= this.#options.clock.now() ? 'changed' : compareVersions(versions);
    // A passdb that has to look first may find that nothing has changed: the entry waits for that.
    if (state === 'changed') this.#kept.delete(key);
    if (state !== 'same') return undefined;
    return login.networks.every((network) => network.contains(context.remoteAddress)) ? login : undefined;
  }

  /** Remembers a good login; `versions` are those before its lookups. */
  remember(
    initialResponse: string,
    context: LoginContext,
    { versions, ...login }: RecalledLogin & { readonly versions: readonly AskedVersion[] },
  ): void {
    if (this.#isOff || versions.some(({ version }) => version === undefined)) return;
    const endsAt = login.appPassword?.expiresAt ?? Number.POSITIVE_INFINITY;
    const expiresAt = Math.min(this.#options.clock.now() + this.#options.ttlMs, endsAt);
    this.#kept.set(this.#keyOf(initialResponse, context), { login, versions, expiresAt });
  }

  #keyOf(initialResponse: string, context: LoginContext): string {
    const { variables } = this.#options;
    const { service, mechanism } = context;
    // What follows from the response needs no place of its own in the key.
    let parts = `${service.length}:${service}${mechanism.length}:${mechanism}`;
    if (variables.length > 0)
      parts += joinParts(listValues(variables, { user: '', login: { typedName: '', context } }));
    return hash('sha256', this.#secret + parts + initialResponse, 'base64');
  }
}

function compareVersions(versions: readonly AskedVersion[]): 'same' | 'changed' | 'unknown' {
  for (const { step, version } of versions) {
    const current = step.passdb.readVersion();
    if (current !== version) return current === undefined ? 'unknown' : 'changed';
  }
  return 'same';
}
