/**
 * Turns the sections `[passdb NAME]` and `[userdb NAME]` into what each driver needs. What a driver must have and must
 * not have is checked in `database-checks.ts`.
 */
import type {
  PassdbConfig,
  PassdbDriver,
  PassdbRules,
  PassdbValues,
  UserdbConfig,
  UserdbDriver,
  UserdbRules,
  UserdbValues,
} from './config.ts';
import type { SectionValues } from './setting.ts';
import type { NAMED_SECTIONS } from './settings.ts';

/** The values of a named section, as the table reads them. */
export interface NamedValues<Kind extends keyof typeof NAMED_SECTIONS> {
  /** The whole name: `passdb local`. */
  readonly section: string;
  readonly values: SectionValues<(typeof NAMED_SECTIONS)[Kind]>;
}

/** Dovecot's default of most drivers, which takes the hash of any crypt(3) scheme. */
const STORED_SCHEME = 'CRYPT';
/** Nobody hashes a password that stands in the configuration. */
const STATIC_SCHEME = 'PLAIN';

/** Reshapes a passdb; with faults in the section, of which there is a report, the result is of no use. */
export function toPassdb({ section, values }: NamedValues<'passdb'>): PassdbConfig {
  return { name: section.slice('passdb '.length), rules: toPassdbRules(values), ...toPassdbDriver(values) };
}

/** Reshapes a userdb, as `toPassdb` does. */
export function toUserdb({ section, values }: NamedValues<'userdb'>): UserdbConfig {
  return { name: section.slice('userdb '.length), rules: toUserdbRules(values), ...toUserdbDriver(values) };
}

function toPassdbRules(values: PassdbValues): PassdbRules {
  const { usernameFormat, skip, mechanisms, usernameFilter, resultSuccess, resultFailure, resultInternalfail } = values;
  const { defaultFields, overrideFields } = values;
  return {
    isMaster: values.master,
    isDeny: values.deny || values.driver === 'deny',
    usernameFormat,
    skip,
    mechanisms,
    usernameFilter,
    resultSuccess,
    resultFailure,
    resultInternalfail,
    defaultFields,
    overrideFields,
  };
}

function toUserdbRules(values: UserdbValues): UserdbRules {
  const { usernameFormat, skip, resultSuccess, resultFailure, resultInternalfail, defaultFields, overrideFields } =
    values;
  return { usernameFormat, skip, resultSuccess, resultFailure, resultInternalfail, defaultFields, overrideFields };
}

function toPassdbDriver(values: PassdbValues): PassdbDriver {
  const { driver, path = '', engine, passwordQuery, fields, defaultScheme = STORED_SCHEME } = values;
  switch (driver) {
    case 'sqlite':
      return { driver };
    case 'passwd-file':
      return { driver, path, defaultScheme };
    case 'sql':
      return { driver, engine, path: toFixed(path), passwordQuery, defaultScheme };
    case 'static':
      return { driver, fields, defaultScheme: values.defaultScheme ?? STATIC_SCHEME };
    case 'deny':
      return { driver, path: toFixed(path) };
  }
}

function toUserdbDriver(values: UserdbValues): UserdbDriver {
  const { driver, path = '', engine, userQuery, iterateQuery, domainQuery, fields, domains, allowAllUsers } = values;
  switch (driver) {
    case 'sqlite':
    case 'prefetch':
      return { driver };
    case 'passwd-file':
      return { driver, path };
    case 'sql':
      return { driver, engine, path: toFixed(path), userQuery, iterateQuery, domainQuery };
    case 'static':
      return { driver, fields, domains, allowAllUsers };
  }
}

/** The path of a driver that has one file for all. */
function toFixed(path: string): string {
  return path.replaceAll('%%', '%');
}
