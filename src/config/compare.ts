/** What differs between two configurations, for a reload: what takes effect at once and what waits for a restart. */
import type { Config } from './config.ts';
import { SECTIONS } from './settings.ts';
import { nameProperty, type Section } from './setting.ts';

export interface ConfigChanges {
  /** Settings that a reload changes, as `[section] key`. */
  readonly live: readonly string[];
  /** Settings that keep their old value until a restart. */
  readonly restart: readonly string[];
}

/** Compares by value; the databases and further quota roots are named as a whole. */
export function compareConfigs(before: Config, after: Config): ConfigChanges {
  const changes = { live: [] as string[], restart: [] as string[] };
  for (const [name, section] of Object.entries<Section>(SECTIONS)) {
    for (const [key, setting] of Object.entries(section.settings)) {
      const place = { name, property: nameProperty(key, setting) };
      if (!isSame(findValue(before, place), findValue(after, place))) {
        changes[setting.change].push(`[${name}] ${key}`);
      }
    }
  }
  if (!isSame(before.quotaRoots.slice(1), after.quotaRoots.slice(1))) changes.restart.push('[quota NAME]');
  if (!isSame(before.passdbs, after.passdbs)) changes.restart.push('[passdb]');
  if (!isSame(before.userdbs, after.userdbs)) changes.restart.push('[userdb]');
  return changes;
}

function findValue(config: Config, { name, property }: { name: string; property: string }): unknown {
  const sections = new Map<string, object>(Object.entries(config));
  return new Map<string, unknown>(Object.entries(sections.get(name) ?? {})).get(property);
}

/** Values of a configuration are texts, numbers, truths, and lists and records of them, in a fixed order. */
function isSame(a: unknown, b: unknown): boolean {
  return JSON.stringify(a) === JSON.stringify(b);
}
