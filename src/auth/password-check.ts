/**
 * Compares what was typed with what an entry stores: its app passwords first, then the main password, unless it was good
 * lately with the same hash. One object serves one attempt, and knows afterwards how it was recognised.
 */
import type { Clock } from '../core/clock.ts';
import type { Logger } from '../core/logger.ts';
import { unavailable } from '../core/outcome.ts';
import { quotePeerText } from '../core/printable.ts';
import { findAppPassword, parseToken, type AppPassword } from './app-password.ts';
import type { AttemptLookups } from './attempt-lookups.ts';
import type { Attempt } from './attempt.ts';
import type { EntryVerdict } from './chain.ts';
import type { ChainStep } from './chain-step.ts';
import type { NetworkReader } from './entry-networks.ts';
import type { Hasher } from './hasher.ts';
import type { RejectReason } from './login.ts';
import type { PassdbEntry } from './passdb.ts';
import { failure, isMainPasswordRefused, judgeOwner, SUCCESS } from './refusals.ts';
import { isSlow } from './schemes/scheme.ts';
import { parseStoredPassword } from './schemes/stored-password.ts';

export interface CheckPorts {
  readonly hasher: Hasher;
  readonly logger: Logger;
  readonly clock: Clock;
  readonly networks: NetworkReader;
  /** App passwords are required of everybody (`[auth] app_passwords_required`). */
  readonly areAppPasswordsRequired: boolean;
}

/** What Postern itself lets an app password be used for. */
const SCOPE = 'smtp';

export interface PasswordCheckOptions {
  readonly attempt: Attempt;
  readonly lookups: AttemptLookups;
  readonly password: Buffer;
}

export class PasswordCheck {
  readonly #ports: CheckPorts;
  readonly #options: PasswordCheckOptions;
  /** What was typed, if it can be an app password at all. */
  readonly #token: string | undefined;
  /** The app password that was recognised. */
  appPassword: AppPassword | undefined;
  /** The entry whose stored hash was compared and is right. */
  comparedEntry: PassdbEntry | undefined;
  /** The password was recognised without comparing a hash. */
  isCached = false;

  constructor(ports: CheckPorts, options: PasswordCheckOptions) {
    this.#ports = ports;
    this.#options = options;
    this.#token = parseToken(options.password);
  }

  /** Judges an entry; `isVerified` when a passdb before has recognised the password. Never rejects. */
  async judge(entry: PassdbEntry, { passdb }: ChainStep, isVerified: boolean): Promise<EntryVerdict> {
    const { attempt, lookups } = this.#options;
    const objection = isVerified ? undefined : await this.#compare(entry, passdb.name);
    if (objection !== undefined) return objection;
    const verdict = judgeOwner(entry, attempt, this.#ports.networks);
    if (verdict.kind === 'unavailable') return this.#report(entry, `passdb ${passdb.name}: ${verdict.reason}`);
    if (verdict.kind === 'success') {
      const isNew = this.comparedEntry === entry;
      lookups.standOn(entry, isNew ? this.#options.password : undefined);
    }
    return verdict;
  }

  /** Undefined when the password is right. */
  async #compare(entry: PassdbEntry, passdb: string): Promise<EntryVerdict | undefined> {
    const isMaster = this.#options.attempt.name.target !== undefined;
    if (entry.isPasswordless && entry.password !== undefined)
      return this.#report(entry, `passdb ${passdb}: nopassword beside a password`);
    // An app password is for one program, and no way to everybody's mail.
    const found = isMaster ? undefined : this.#findAppPassword(entry);
    if (found?.objection === undefined && found !== undefined) {
      this.appPassword = found.appPassword;
      return undefined;
    }
    const verdict = await this.#compareMain(entry, { passdb, objection: found?.objection });
    if (verdict.kind !== 'success') return verdict;
    const isSiteRule = this.#ports.areAppPasswordsRequired;
    const isRefused = isMainPasswordRefused(entry, { isSiteRule, isMaster });
    return isRefused ? failure('app-password-required') : undefined;
  }

  /** The app password that was typed, with what stands against its use here and now. */
  #findAppPassword(
    entry: PassdbEntry,
  ): { readonly appPassword: AppPassword; readonly objection: RejectReason | undefined } | undefined {
    const appPassword = this.#token === undefined ? undefined : findAppPassword(this.#token, entry.appPasswords);
    if (appPassword === undefined) return undefined;
    return { appPassword, objection: this.#objectTo(appPassword) };
  }

  #objectTo({ scopes, expiresAt, allowNets }: AppPassword): RejectReason | undefined {
    const { clock, networks } = this.#ports;
    if (!scopes.includes(SCOPE)) return 'app-password-scope';
    if (expiresAt !== undefined && expiresAt <= clock.now()) return 'app-password-expired';
    const { remoteAddress } = this.#options.attempt.context;
    return networks.judge(allowNets, remoteAddress) === 'inside' ? undefined : 'app-password-network';
  }

  async #compareMain(
    entry: PassdbEntry,
    { passdb, objection }: { readonly passdb: string; readonly objection: RejectReason | undefined },
  ): Promise<EntryVerdict> {
    const { attempt, lookups, password } = this.#options;
    if (entry.password === undefined) return entry.isPasswordless ? SUCCESS : failure(objection ?? 'no-password');
    if (lookups.isGood(entry, password)) {
      this.isCached = true;
      return SUCCESS;
    }
    const outage = lookups.findOutage(entry);
    if (outage !== undefined) return outage;
    attempt.isHashed ||= isSlowHash(entry.password);
    const verdict = await this.#ports.hasher.verify(password, entry.password, attempt.hashOptions);
    switch (verdict) {
      case 'match':
        this.comparedEntry = entry;
        this.isCached = false;
        return SUCCESS;
      case 'mismatch':
        return failure(objection ?? 'wrong-password');
      case 'busy':
        return unavailable('hash queue busy');
      case 'unusable':
        return this.#report(entry, `passdb ${passdb}: unusable password hash`);
    }
  }

  #report({ user }: PassdbEntry, reason: string): EntryVerdict {
    this.#ports.logger.error('auth.fault', { user: quotePeerText(user), reason });
    return unavailable(reason);
  }
}

function isSlowHash(stored: string): boolean {
  const parsed = parseStoredPassword(stored);
  return parsed !== undefined && isSlow(parsed.scheme);
}
