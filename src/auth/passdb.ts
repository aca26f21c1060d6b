/**
 * The port between the login code and the places that hold passwords. A passdb finds an entry; verifying is done
 * by the core, so that every driver gets the same schemes, limits and timing.
 */
import { NO_FIELDS, type Fields } from '../core/fields.ts';
import type { Lookup } from '../core/outcome.ts';
import type { AppPassword } from './app-password.ts';
import type { LoginContext } from './login.ts';

/** What a passdb is asked. Drivers look at nothing else, so that caches know what an answer can depend on. */
export interface PassdbQuery {
  /** Formatted (`username_format`) and checked for forbidden characters. */
  readonly username: string;
  /** As it was typed, before translation and formatting (`%{orig_user}`). */
  readonly typedName: string;
  /** Who wants to log in as `username` in a master login. */
  readonly masterUser?: string | undefined;
  readonly context: LoginContext;
}

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
  /** `nodelay`: a failure of this user is not held back. */
  readonly hasNoDelay: boolean;
  /** `noauthenticate`: the entry gives fields to the chain and decides nothing. */
  readonly isFieldsOnly: boolean;
  /** Passwords made for single programs; they match beside the main one. */
  readonly appPasswords: readonly AppPassword[];
  /** The main password is refused on mail protocols. `domain` also stands for the whole site (RULES 41). */
  readonly appPasswordsRequired: 'no' | 'account' | 'domain';
  /** The stored hash may be replaced by another of the same password; only a database of our own is ever changed. */
  readonly isUpgradable: boolean;
  /** Everything the driver gave, with `userdb_*` for prefetch and what Postern does not use, without the password. */
  readonly fields: Fields;
}

/** An entry that may do everything, for drivers to fill in. */
export const PLAIN_ENTRY: Omit<PassdbEntry, 'user' | 'password'> = {
  isPasswordless: false,
  canLogin: true,
  allowNets: [],
  hasNoDelay: false,
  isFieldsOnly: false,
  appPasswords: [],
  appPasswordsRequired: 'no',
  isUpgradable: false,
  fields: NO_FIELDS,
};

/** A user of a passdb that can list them. */
export interface ListedPassword {
  readonly user: string;
  /** `{SCHEME}data`; undefined when no password can match. */
  readonly password: string | undefined;
}

export interface Passdb {
  readonly name: string;
  /** Looks a login name up. Never waits longer than 3 s before it is `unavailable`. */
  find(query: PassdbQuery): Promise<Lookup<PassdbEntry>>;
  /**
   * A token that stays the same (`===`) as long as every answer of `find` surely stays the same; undefined when that is
   * not known without asking. Synchronous, microseconds.
   */
  readVersion(): unknown;
  /** Every user it can list with what is stored, for checks; throws when it cannot be read to its end. */
  readonly passwords?: (() => AsyncIterable<ListedPassword>) | undefined;
  /** Whether everybody in the domain has to use app passwords, also those who do not exist (RULES 41). */
  requiresAppPassword?(domain: string): boolean;
}
