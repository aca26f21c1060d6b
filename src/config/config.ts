/**
 * The configuration as the rest of Postern takes it: values in units, frozen. Its type follows from the settings
 * table; only the databases are reshaped, so that a driver carries exactly what it needs.
 */
import type { NAMED_SECTIONS, SECTIONS } from './settings.ts';
import type { SectionValues } from './setting.ts';

type PassdbValues = SectionValues<(typeof NAMED_SECTIONS)['passdb']>;

/** A place that knows accounts. */
export type UserdbConfig =
  | { readonly name: string; readonly driver: 'sqlite' }
  | { readonly name: string; readonly driver: 'passwd-file'; readonly path: string };

/** A place that knows passwords. */
export type PassdbConfig =
  | { readonly name: string; readonly driver: 'sqlite' }
  | {
      readonly name: string;
      readonly driver: 'passwd-file';
      readonly path: string;
      readonly defaultScheme: PassdbValues['defaultScheme'];
    };

type SingleSections = { readonly [Name in keyof typeof SECTIONS]: SectionValues<(typeof SECTIONS)[Name]> };

export interface Config extends SingleSections {
  /** The file it was read from. */
  readonly file: string;
  /** In the order of the file; never empty. */
  readonly passdbs: readonly PassdbConfig[];
  /** In the order of the file; never empty. */
  readonly userdbs: readonly UserdbConfig[];
}
