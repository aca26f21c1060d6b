/**
 * What the verbs need of the layers above and beside them, as an interface: `app.ts` plugs the stores and the hasher
 * in. Verbs never import a store, so that one of them works whatever keeps the accounts.
 */
import type { SealedToken } from '../auth/app-password.ts';
import type { PassdbEntry } from '../auth/passdb.ts';
import type { HashFacts } from '../auth/schemes/hash-facts.ts';
import type { Config } from '../config/load-config.ts';
import type { Lookup } from '../core/outcome.ts';
import type { DirectoryAdmin } from '../directory/admin.ts';
import type { Directory } from '../directory/directory.ts';
import type { SurveyedPassdb } from './password-survey.ts';
import type { Account, DirectorySource } from '../directory/source.ts';

/** The directory as the daemon sees it. */
export interface OpenDirectory {
  readonly directory: Directory;
  readonly source: DirectorySource;
  /** The passdbs in the order of the configuration, with the lists of their users. */
  readonly passwords: readonly SurveyedPassdb[];
  /** What is wrong with the users files, in sentences for an administrator. */
  readonly examine: () => Promise<readonly string[]>;
  /** The entry of the first passdb that knows a name, for what userdbs take from it. */
  findLogin(name: string): Promise<Lookup<PassdbEntry>>;
  /** Where the mail of an account lies; throws RangeError for one that makes no safe path. */
  homeOf(account: Account): string;
  close(): void;
}

export interface NewToken extends SealedToken {
  readonly shown: string;
}

/** A user of a users file, with the number of its line and what is wrong with it. */
export interface NumberedUser {
  readonly line: number;
  readonly user: {
    readonly name: string;
    readonly login: PassdbEntry;
    /** Undefined for a name that is no address. */
    readonly account: Account | undefined;
    readonly faults: readonly string[];
  };
}

export interface CliTools {
  /** Opens the embedded database for changes, and makes it if `create`; throws when it cannot be used. */
  openAdmin(config: Config, options: { readonly create: boolean }): DirectoryAdmin;
  /** Opens all userdbs for reading; `isExamined` when the caller itself says what is wrong with users files. */
  openDirectory(config: Config, options?: { readonly isExamined: boolean }): OpenDirectory;
  /** Hashes a new password with `[auth] default_scheme`. */
  hashPassword(config: Config, password: Buffer): Promise<string>;
  /** Makes an app password: what its owner is shown once, and what is kept of it. */
  makeAppPassword(): NewToken;
  /** Undefined when no login can ever match it: the scheme is unknown, or the data malformed. */
  readonly describeHash: (stored: string) => HashFacts | undefined;
  /** Which texts in `[mail] notice_folder` cannot be used, a sentence each. */
  readonly examineNotices: (config: Config) => readonly string[];
  /** Reads all users of a passwd-file or of docker-mailserver's accounts; rejects when it cannot be read as one version. */
  readUsersFile(
    path: string,
    options: { readonly defaultScheme: string; readonly defaultDomain: string | undefined },
  ): Promise<AsyncIterable<NumberedUser>>;
}
