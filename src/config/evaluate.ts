/**
 * Holds the sections of a file against the settings table: unknown names are faults with a hint, texts become
 * values, and what is not given takes its default. What must fit together is judged in `cross-checks.ts`.
 */
import type { ConfigFault } from '../core/errors.ts';
import { findNearest } from './did-you-mean.ts';
import type { IniEntry, IniFile, IniSection } from './read-ini.ts';
import { formatValue, readText } from './reader.ts';
import { NAMED_SECTIONS, SECTIONS } from './settings.ts';
import { numberKey, type Section, type Setting } from './setting.ts';

/** One setting as it takes effect. */
export interface EffectiveSetting {
  /** As in the file: `sasl`, `passdb local`. */
  readonly section: string;
  /** As in the file, with its number if it has one. */
  readonly key: string;
  readonly setting: Setting;
  readonly value: unknown;
  /** The value as the file would have it, in one form whatever was written. */
  readonly text: string;
  readonly defaultText: string;
  /** Where the file gives it; undefined for a default. */
  readonly line: number | undefined;
  /** A fault was found, so the value is not what was meant. */
  readonly isFaulty: boolean;
}

export interface Evaluation {
  readonly settings: readonly EffectiveSetting[];
  readonly faults: readonly ConfigFault[];
}

/** A database that is there when the file names none. */
export const DEFAULT_NAME = 'local';
const SINGLE: ReadonlyMap<string, Section> = new Map(Object.entries(SECTIONS));
const NAMED: ReadonlyMap<string, Section> = new Map(Object.entries(NAMED_SECTIONS));
const NO_ENTRIES: ReadonlyMap<string, IniEntry> = new Map();
/** Each is asked in turn for every login, so many more than this are a mistake. */
const MAX_DATABASES = 32;
/** As many quota rules as an account may have. */
const MAX_NUMBERED = 64;
/** A longer value is cut in faults: its line is named. */
const MAX_SHOWN_CHARS = 80;

/** The kind of a section: `passdb` for `passdb local`. */
export function kindOf(section: string): string {
  return section.split(' ', 1)[0] ?? '';
}

/** Evaluates the file against the whole table; `file` names it in faults. */
export function evaluate(ini: IniFile, file: string): Evaluation {
  const pass = new EvaluationPass(file);
  const given = new Map(ini.sections.map((section) => [section.name, section]));
  for (const [name, section] of SINGLE) pass.addSection(name, section, given.get(name)?.entries ?? NO_ENTRIES);
  for (const [kind, section] of NAMED) {
    const named = ini.sections.filter(({ name }) => kindOf(name) === kind && name !== kind);
    for (const { name, entries } of named.slice(0, MAX_DATABASES)) pass.addSection(name, section, entries);
    for (const extra of named.slice(MAX_DATABASES)) pass.addExtraSection(extra);
    if (named.length === 0 && section.isOptional !== true)
      pass.addSection(`${kind} ${DEFAULT_NAME}`, section, NO_ENTRIES);
  }
  for (const section of ini.sections) if (!isKnown(section.name)) pass.addUnknownSection(section);
  return { settings: pass.settings, faults: [...ini.faults, ...pass.faults] };
}

function isKnown(name: string): boolean {
  return SINGLE.has(name) || (NAMED.has(kindOf(name)) && !NAMED.has(name));
}

class EvaluationPass {
  readonly settings: EffectiveSetting[] = [];
  readonly faults: ConfigFault[] = [];
  readonly #file: string;
  readonly #texts = new Map<string, string>();

  constructor(file: string) {
    this.#file = file;
  }

  addSection(name: string, section: Section, entries: ReadonlyMap<string, IniEntry>): void {
    const known = new Set<string>();
    for (const [base, setting] of Object.entries(section.settings)) {
      for (const key of listKeys(base, setting, entries)) {
        const effective = this.#readSetting({ section: name, key, setting }, entries.get(key));
        this.settings.push(effective);
        this.#texts.set(`${name} ${key}`, effective.text);
        known.add(key);
      }
    }
    for (const [key, { line }] of entries) {
      if (known.has(key)) continue;
      const reason = describeGap(key, section) ?? describeUnknownKey(key, Object.keys(section.settings));
      // The value is not shown: a key nobody knows may hold a secret.
      this.faults.push({ file: this.#file, section: name, key, line, reason });
    }
  }

  addUnknownSection({ name, line }: IniSection): void {
    this.faults.push({ file: this.#file, section: name, line, reason: describeUnknownSection(name) });
  }

  addExtraSection({ name, line }: IniSection): void {
    const reason = `Cannot use more than ${MAX_DATABASES} sections of this kind`;
    this.faults.push({ file: this.#file, section: name, line, reason });
  }

  #readSetting(
    place: { readonly section: string; readonly key: string; readonly setting: Setting },
    entry: IniEntry | undefined,
  ): EffectiveSetting {
    const { setting } = place;
    const defaultText = this.#findDefault(setting);
    const text = entry?.text ?? defaultText;
    const reading = readText(setting.reader, text);
    const common = { ...place, defaultText, line: entry?.line };
    if (reading.kind === 'value') {
      const { value } = reading;
      return { ...common, value, text: formatValue(setting.reader, value), isFaulty: false };
    }
    // A derived default is wrong only when what it follows from is, and that has its own fault.
    if (entry !== undefined) {
      const value = setting.reader.isSecret === true ? undefined : text.slice(0, MAX_SHOWN_CHARS);
      const { section, key } = place;
      this.faults.push({ file: this.#file, section, key, value, line: entry.line, reason: reading.reason });
    }
    return { ...common, value: undefined, text, isFaulty: true };
  }

  #findDefault(setting: Setting): string {
    const given = setting.default;
    const text =
      typeof given === 'string' ? given : given.derive((section, key) => this.#texts.get(`${section} ${key}`) ?? '');
    const reading = readText(setting.reader, text);
    return reading.kind === 'value' ? formatValue(setting.reader, reading.value) : text;
  }
}

/** The names a setting has in this file: its own, and those with numbers that follow each other. */
function listKeys(key: string, setting: Setting, entries: ReadonlyMap<string, IniEntry>): string[] {
  const keys = [key];
  if (setting.isNumbered !== true) return keys;
  while (keys.length < MAX_NUMBERED && entries.has(numberKey(key, keys.length))) keys.push(numberKey(key, keys.length));
  return keys;
}

/** Why a numbered setting is not read. Dovecot passes over such a one in silence. */
function describeGap(key: string, { settings }: Section): string | undefined {
  const [, base = '', digits = ''] = /^(.*[^\d])(\d+)$/.exec(key) ?? [];
  const setting = Object.hasOwn(settings, base) ? settings[base] : undefined;
  if (setting?.isNumbered !== true) return undefined;
  const number = Number(digits);
  if (number < 2 || String(number) !== digits) return `Cannot use this number: after "${base}" comes "${base}2"`;
  if (number > MAX_NUMBERED) return `Cannot use more than ${MAX_NUMBERED} of them`;
  return `Cannot use it without "${numberKey(base, number - 2)}": they are read up to the first that is missing`;
}

function describeUnknownKey(key: string, keys: readonly string[]): string {
  const nearest = findNearest(key, keys);
  if (nearest !== undefined) return `Cannot use an unknown key; did you mean "${nearest}"?`;
  const home = [...SINGLE, ...NAMED].find(([, section]) => Object.hasOwn(section.settings, key));
  if (home !== undefined) return `Cannot use the key in this section; it belongs to [${home[0]}]`;
  return `Cannot use an unknown key; there are ${keys.join(', ')}`;
}

function describeUnknownSection(name: string): string {
  if (NAMED.has(name)) return `Cannot use the section without a name; write [${name} ${DEFAULT_NAME}]`;
  const [kind = '', own] = name.split(' ');
  const known = [...new Set([...SINGLE.keys(), ...NAMED.keys()])];
  const nearest = findNearest(kind, known);
  if (nearest === undefined) return `Cannot use an unknown section; there are ${known.join(', ')}`;
  if (SINGLE.has(nearest)) return `Cannot use an unknown section; did you mean [${nearest}]?`;
  return `Cannot use an unknown section; did you mean [${nearest} ${own ?? DEFAULT_NAME}]?`;
}
