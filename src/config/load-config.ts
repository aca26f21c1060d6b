/**
 * Reads `postern.ini` into the typed, frozen Config, or throws ConfigError with every fault at once. Reading again
 * for a reload is the same call: it changes nothing, so a bad file can never replace a good configuration.
 */
import { isUtf8 } from 'node:buffer';
import { closeSync, constants, fstatSync, openSync, readSync } from 'node:fs';
import { ConfigError, describeError, type ConfigFault } from '../core/errors.ts';
import type { Config } from './config.ts';
import { crossCheck, type CrossFault, type IsSound } from './cross-checks.ts';
import { checkChains, checkDrivers } from './database-checks.ts';
import { toPassdb, toUserdb, type NamedValues } from './databases.ts';
import { evaluate, kindOf, type EffectiveSetting } from './evaluate.ts';
import { readIni } from './read-ini.ts';
import { checkQuotaRoots, toQuotaRoots } from './quota-roots.ts';
import { SECTIONS, type NAMED_SECTIONS } from './settings.ts';
import { nameProperty } from './setting.ts';

export type { Config } from './config.ts';

/** A configuration of every setting with long lists has a few kilobytes. */
const MAX_FILE_BYTES = 256 * 1024;
/** A file that is no configuration at all has a fault on each line. */
const MAX_FAULTS = 100;

/** A Config together with where each of its settings comes from. */
export interface LoadedConfig {
  readonly config: Config;
  readonly settings: readonly EffectiveSetting[];
}

/** Reads and checks the file; throws ConfigError with every fault found. */
export function loadConfig({ path }: { readonly path: string }): Config {
  return loadSettings({ path }).config;
}

/** As `loadConfig`, with the settings one by one, for the verbs that show them. */
export function loadSettings({ path }: { readonly path: string }): LoadedConfig {
  return parseConfig(readFile(path), path);
}

/** Checks the text of a configuration; `file` names it in faults. Throws ConfigError. */
export function parseConfig(text: string, file: string): LoadedConfig {
  const { settings, faults } = evaluate(readIni(text, file), file);
  const isSound: IsSound = (section, key) =>
    settings.some((one) => one.section === section && one.key === key && !one.isFaulty);
  const passdbs = collectNamed<'passdb'>(settings, 'passdb');
  const userdbs = collectNamed<'userdb'>(settings, 'userdb');
  const single = collectSingle(settings);
  const config: Config = {
    ...single,
    file,
    quotaRoots: toQuotaRoots(single.quota, collectNamed<'quota'>(settings, 'quota')),
    passdbs: passdbs.map(toPassdb),
    userdbs: userdbs.map(toUserdb),
  };
  const crossFaults = [
    ...crossCheck(config, isSound),
    ...checkDrivers(settings),
    ...checkChains(config, isSound),
    ...checkQuotaRoots(config, isSound),
  ];
  throwFaults([...faults, ...crossFaults.map((fault) => placeFault(fault, { file, settings }))], file);
  return { config: deepFreeze(config), settings };
}

/** Gives a fault its value and line; where the setting is a default, the fault stands for the section. */
function placeFault(
  fault: CrossFault,
  { file, settings }: { readonly file: string; readonly settings: readonly EffectiveSetting[] },
): ConfigFault {
  const found = settings.find(({ section, key }) => section === fault.section && key === fault.key);
  const { section, key, reason } = fault;
  if (found?.line === undefined) return { file, section, key, reason };
  const value = found.setting.reader.isSecret === true ? undefined : found.text;
  return { file, section, key, value, line: found.line, reason };
}

function throwFaults(faults: readonly ConfigFault[], file: string): void {
  if (faults.length === 0) return;
  const ordered = faults.toSorted((a, b) => (a.line ?? Infinity) - (b.line ?? Infinity));
  const more = ordered.length - MAX_FAULTS;
  const rest: ConfigFault[] = more > 0 ? [{ file, reason: `Cannot show all faults: ${more} more` }] : [];
  throw new ConfigError([...ordered.slice(0, MAX_FAULTS), ...rest]);
}

/** Reads a regular file of bounded size in UTF-8; a pipe or a device could block or never end. */
function readFile(path: string): string {
  try {
    const bytes = readBytes(path);
    if (!isUtf8(bytes)) throw new TypeError('it is not in UTF-8');
    return bytes.toString('utf8');
  } catch (error) {
    const reason = `Cannot read the configuration: ${describeError(error)}`;
    throw new ConfigError([{ file: path, reason }], { cause: error });
  }
}

function readBytes(path: string): Buffer {
  // Without O_NONBLOCK the opening of a pipe would wait for its writer.
  const file = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  try {
    if (!fstatSync(file).isFile()) throw new TypeError('it is no regular file');
    const buffer = Buffer.alloc(MAX_FILE_BYTES + 1);
    let length = 0;
    for (let read = -1; read !== 0 && length < buffer.length; length += read) {
      read = readSync(file, buffer, length, buffer.length - length, null);
    }
    if (length > MAX_FILE_BYTES) throw new RangeError(`it has more than ${MAX_FILE_BYTES} bytes`);
    return buffer.subarray(0, length);
  } finally {
    closeSync(file);
  }
}

type SingleSections = Pick<Config, keyof typeof SECTIONS>;

function collectSingle(settings: readonly EffectiveSetting[]): SingleSections {
  const sections = Object.keys(SECTIONS).map((name) => [name, collectValues(settings, name)]);
  // The table that names the properties here is the one that the type is inferred from.
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion
  return Object.fromEntries(sections) as SingleSections;
}

function collectNamed<Kind extends keyof typeof NAMED_SECTIONS>(
  settings: readonly EffectiveSetting[],
  kind: Kind,
): NamedValues<Kind>[] {
  const isOfKind = (section: string): boolean => kindOf(section) === kind && section !== kind;
  const names = new Set(settings.map(({ section }) => section).filter(isOfKind));
  // As above.
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion
  return [...names].map((section) => ({ section, values: collectValues(settings, section) }) as NamedValues<Kind>);
}

function collectValues(settings: readonly EffectiveSetting[], section: string): Record<string, unknown> {
  const values: Record<string, unknown> = {};
  const lists = new Map<string, unknown[]>();
  for (const { section: of, key, setting, value } of settings) {
    if (of !== section) continue;
    if (setting.isNumbered !== true) {
      values[nameProperty(key, setting)] = value;
      continue;
    }
    const name = nameProperty(key.replace(/\d+$/, ''), setting);
    lists.set(name, [...(lists.get(name) ?? []), value]);
  }
  return { ...values, ...Object.fromEntries(lists) };
}

function deepFreeze<T>(value: T): T {
  if (typeof value === 'object' && value !== null) for (const inner of Object.values(value)) deepFreeze(inner);
  return Object.freeze(value);
}
