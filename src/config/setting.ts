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
  /** It may be given several times: `rule`, `rule2`, `rule3`. Its values are a list under a name in the plural. */
  readonly isNumbered?: true;
}

/** A setting that may be given several times, with numbers behind its name. */
export interface NumberedSetting<T = unknown> extends Setting<T> {
  readonly isNumbered: true;
}

export interface Section<Settings extends Readonly<Record<string, Setting>> = Readonly<Record<string, Setting>>> {
  /** What the section is for, in one or two sentences. */
  readonly words: string;
  readonly settings: Settings;
  /** A named section that need not be there at all. */
  readonly isOptional?: boolean;
}

/** The settings of one section as values, under names in camel case that end with the unit. */
export type SectionValues<S> = S extends { readonly settings: infer Settings }
  ? { readonly [Key in keyof Settings & string as PropertyName<Key, Settings[Key]>]: ValueOf<Settings[Key]> }
  : never;

type ValueOf<S> = S extends NumberedSetting<infer T> ? readonly T[] : S extends Setting<infer T> ? T : never;
type PropertyName<Key extends string, S> = S extends NumberedSetting
  ? `${CamelCase<Key>}s`
  : S extends { readonly reader: { readonly unit: infer Unit extends string } }
    ? `${CamelCase<Key>}${Unit}`
    : never;
type CamelCase<Key extends string> = Key extends `${infer First}_${infer Rest}`
  ? `${First}${Capitalize<CamelCase<Rest>>}`
  : Key;

/** The name that `PropertyName` gives, at run time. */
export function nameProperty(key: string, setting: Setting): string {
  const name = key.replaceAll(/_([a-z])/g, (_, letter: string) => letter.toUpperCase());
  return setting.isNumbered === true ? `${name}s` : name + setting.reader.unit;
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

/** A setting that is given once for each value: `rule`, `rule2` and so on. It takes effect only after a restart. */
export function numbered<T>(
  reader: Reader<T>,
  row: { readonly default: string; readonly words: string },
): NumberedSetting<T> {
  return { reader, change: 'restart', isNumbered: true, ...row };
}

/** The name of a numbered setting at a place in its list, which begins with 0. */
export function numberKey(key: string, index: number): string {
  return index === 0 ? key : `${key}${index + 1}`;
}
