/**
 * The shape of a row in the settings table, and the type of the configuration that follows from the rows. The table
 * itself is `settings.ts`.
 */
import type { Reader } from './reader.ts';

/** A default that follows from another setting or from the machine; `words` tell the documents. */
export interface DerivedDefault {
  readonly derive: (textOf: TextOf) => string;
  readonly words: string;
  /** A value for the sample file. */
  readonly example: string;
}

/** The effective text of another setting that stands earlier in the table. */
export type TextOf = (section: string, key: string) => string;

/** Whether a change works at once after a reload, or only after a restart. */
export type Change = 'live' | 'restart';

export interface Setting<T = unknown, Unit extends string = string> {
  readonly reader: Reader<T, Unit>;
  /** As the file would have it, so that a default passes the same reader. */
  readonly default: string | DerivedDefault;
  /** One sentence for the documents. */
  readonly words: string;
  readonly change: Change;
}

export interface Section<Settings extends Readonly<Record<string, Setting>> = Readonly<Record<string, Setting>>> {
  /** What the section is for, in one or two sentences. */
  readonly words: string;
  readonly settings: Settings;
}

/** The settings of one section as values, under names in camel case that end with the unit. */
export type SectionValues<S> = S extends { readonly settings: infer Settings }
  ? { readonly [Key in keyof Settings & string as PropertyName<Key, Settings[Key]>]: ValueOf<Settings[Key]> }
  : never;

type ValueOf<S> = S extends Setting<infer T> ? T : never;
type PropertyName<Key extends string, S> = S extends { readonly reader: { readonly unit: infer Unit extends string } }
  ? `${CamelCase<Key>}${Unit}`
  : never;
type CamelCase<Key extends string> = Key extends `${infer First}_${infer Rest}`
  ? `${First}${Capitalize<CamelCase<Rest>>}`
  : Key;

/** The name that `PropertyName` gives, at run time. */
export function nameProperty(key: string, setting: Setting): string {
  return key.replaceAll(/_([a-z])/g, (_, letter: string) => letter.toUpperCase()) + setting.reader.unit;
}

/** A setting that takes effect only after a restart. */
export function restart<T, Unit extends string>(
  reader: Reader<T, Unit>,
  row: { readonly default: string | DerivedDefault; readonly words: string },
): Setting<T, Unit> {
  return { reader, change: 'restart', ...row };
}

/** A setting that a reload changes at once. */
export function live<T, Unit extends string>(
  reader: Reader<T, Unit>,
  row: { readonly default: string | DerivedDefault; readonly words: string },
): Setting<T, Unit> {
  return { reader, change: 'live', ...row };
}
