/**
 * The port between the login code and the places that hold passwords. A passdb finds an entry; verifying is done
 * by the core, so that every driver gets the same schemes, limits and timing.
 */
import type { Lookup } from '../core/outcome.ts';

/** What a passdb knows of one login name. */
export interface PassdbEntry {
  /** Canonical account address; becomes `user=` (RULES 22). */
  readonly user: string;
  /** `{SCHEME}data`; undefined when the entry has no password and none can match. */
  readonly password: string | undefined;
  /** Any password is right; an error beside a password (RULES 38). */
  readonly isPasswordless: boolean;
  /** False for suspended, `nologin` and proxy-only users (RULES 38). */
  readonly canLogin: boolean;
  /** Networks the login may come from; empty for all. */
  readonly allowNets: readonly string[];
}

export interface Passdb {
  readonly name: string;
  /** Looks a login name up. It arrives formatted (`username_format`) and checked for forbidden characters. */
  find(username: string): Promise<Lookup<PassdbEntry>>;
}
