/**
 * The configuration as the rest of Postern takes it: values in units, frozen. Its type follows from the settings
 * table; only the databases are reshaped, so that a driver carries exactly what it needs.
 */
import type { QuotaWarning } from '../core/quota-warning.ts';
import type { FieldTemplate } from '../core/fields.ts';
import type { NAMED_SECTIONS, SECTIONS } from './settings.ts';
import type { SectionValues } from './setting.ts';

export type PassdbValues = SectionValues<(typeof NAMED_SECTIONS)['passdb']>;
export type UserdbValues = SectionValues<(typeof NAMED_SECTIONS)['userdb']>;
export type QuotaRootValues = SectionValues<(typeof NAMED_SECTIONS)['quota']>;

type ResultRules = 'usernameFormat' | 'resultSuccess' | 'resultFailure' | 'resultInternalfail';

/** How the chain treats a passdb, whatever its driver. */
export interface PassdbRules extends Pick<PassdbValues, ResultRules | 'skip' | 'mechanisms' | 'usernameFilter'> {
  readonly isMaster: boolean;
  readonly isDeny: boolean;
  readonly defaultFields: readonly FieldTemplate[];
  readonly overrideFields: readonly FieldTemplate[];
}

/** How the chain treats a userdb, whatever its driver. */
export interface UserdbRules extends Pick<UserdbValues, ResultRules | 'skip'> {
  readonly defaultFields: readonly FieldTemplate[];
  readonly overrideFields: readonly FieldTemplate[];
}

/** What the driver of a passdb needs. */
export type PassdbDriver =
  | { readonly driver: 'sqlite' }
  | { readonly driver: 'passwd-file'; readonly path: string; readonly defaultScheme: string }
  | {
      readonly driver: 'sql';
      readonly engine: PassdbValues['engine'];
      readonly path: string;
      readonly passwordQuery: string;
      readonly defaultScheme: string;
    }
  | { readonly driver: 'static'; readonly fields: readonly FieldTemplate[]; readonly defaultScheme: string }
  | { readonly driver: 'deny'; readonly path: string };

/** What the driver of a userdb needs. */
export type UserdbDriver =
  | { readonly driver: 'sqlite' }
  | { readonly driver: 'passwd-file'; readonly path: string }
  | {
      readonly driver: 'sql';
      readonly engine: UserdbValues['engine'];
      readonly path: string;
      readonly userQuery: string;
      /** Empty when users cannot be listed. */
      readonly iterateQuery: string;
      /** Empty when the database knows no domains. */
      readonly domainQuery: string;
    }
  | {
      readonly driver: 'static';
      readonly fields: readonly FieldTemplate[];
      readonly domains: readonly string[];
      readonly allowAllUsers: boolean;
    }
  | { readonly driver: 'prefetch' };

/** A place that knows passwords. */
export type PassdbConfig = { readonly name: string; readonly rules: PassdbRules } & PassdbDriver;

/** A place that knows accounts. */
export type UserdbConfig = { readonly name: string; readonly rules: UserdbRules } & UserdbDriver;

/** A quota root: the first is `[quota]`. */
export interface QuotaRootConfig extends Pick<QuotaRootValues, 'scope' | 'rules' | 'grace'> {
  readonly warnings: readonly QuotaWarning[];
  readonly name: string;
  readonly isEnforcing: boolean;
  readonly ignoresUnlimited: boolean;
}

type SingleSections = { readonly [Name in keyof typeof SECTIONS]: SectionValues<(typeof SECTIONS)[Name]> };

export interface Config extends SingleSections {
  /** The file it was read from. */
  readonly file: string;
  /** `[quota]`, then the further ones in the order of the file. */
  readonly quotaRoots: readonly QuotaRootConfig[];
  /** In the order of the file; never empty. */
  readonly passdbs: readonly PassdbConfig[];
  /** In the order of the file; never empty. */
  readonly userdbs: readonly UserdbConfig[];
}
