/** Turns the sections `[passdb NAME]` and `[userdb NAME]` into what each driver needs, and checks that they can be. */
import type { PassdbConfig, UserdbConfig } from './config.ts';
import type { CrossFault } from './cross-checks.ts';
import { kindOf } from './evaluate.ts';
import type { NAMED_SECTIONS } from './settings.ts';
import type { SectionValues } from './setting.ts';

/** The values of a named section, as the table reads them. */
export interface NamedValues<Kind extends keyof typeof NAMED_SECTIONS> {
  /** The whole name: `passdb local`. */
  readonly section: string;
  readonly values: SectionValues<(typeof NAMED_SECTIONS)[Kind]>;
}

export function toUserdb({ section, values }: NamedValues<'userdb'>): UserdbConfig {
  const name = section.slice('userdb '.length);
  const { driver, path = '' } = values;
  return driver === 'sqlite' ? { name, driver } : { name, driver, path };
}

export function toPassdb({ section, values }: NamedValues<'passdb'>): PassdbConfig {
  const name = section.slice('passdb '.length);
  const { driver, path = '', defaultScheme } = values;
  return driver === 'sqlite' ? { name, driver } : { name, driver, path, defaultScheme };
}

/** Checks the sections of one kind: a passwd-file has a path, the embedded database has none and stands once. */
export function checkDatabases(sections: readonly (NamedValues<'passdb'> | NamedValues<'userdb'>)[]): CrossFault[] {
  const faults: CrossFault[] = [];
  let embedded: string | undefined;
  for (const { section, values } of sections) {
    if (values.driver === 'passwd-file') {
      if (values.path === undefined) {
        faults.push({ section, key: 'path', reason: 'Cannot use driver passwd-file without a path' });
      }
      continue;
    }
    if (values.path !== undefined) {
      const reason = 'Cannot use a path with driver sqlite: the database is in [postern] state_dir';
      faults.push({ section, key: 'path', reason });
    }
    if (embedded !== undefined) {
      const reason = `Cannot use the embedded database twice as ${kindOf(section)}: [${embedded}] is it already`;
      faults.push({ section, key: 'driver', reason });
    }
    embedded ??= section;
  }
  return faults;
}
