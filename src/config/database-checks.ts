/**
 * What a driver of a passdb or userdb must have and what it knows nothing of, and whether the databases make sense as a
 * chain. A key that its driver does not use is a fault: what it was meant to do would not be done.
 */
import type { Config, PassdbConfig, PassdbDriver, UserdbDriver } from './config.ts';
import type { CrossFault, IsSound } from './cross-checks.ts';
import { kindOf, type EffectiveSetting } from './evaluate.ts';
import { hasVariables } from './auth-readers.ts';

interface DriverKeys {
  /** Keys that must have a value. */
  readonly needs: readonly string[];
  /** Keys that may have one. */
  readonly takes?: readonly string[];
}

const PASSDB_KEYS: Readonly<Record<PassdbDriver['driver'], DriverKeys>> = {
  sqlite: { needs: [] },
  'passwd-file': { needs: ['path'], takes: ['default_scheme'] },
  sql: { needs: ['path', 'password_query'], takes: ['engine', 'default_scheme'] },
  static: { needs: ['fields'], takes: ['default_scheme'] },
  deny: { needs: ['path'] },
};

const USERDB_KEYS: Readonly<Record<UserdbDriver['driver'], DriverKeys>> = {
  sqlite: { needs: [] },
  'passwd-file': { needs: ['path'] },
  sql: { needs: ['path', 'user_query'], takes: ['engine', 'iterate_query', 'domain_query'] },
  static: { needs: [], takes: ['fields', 'domains', 'allow_all_users'] },
  prefetch: { needs: [] },
};

/** Keys that belong to some drivers; all others belong to the chain, and so to every section. */
const DRIVER_KEYS: ReadonlySet<string> = new Set(
  [...Object.values(PASSDB_KEYS), ...Object.values(USERDB_KEYS)].flatMap(({ needs, takes = [] }) => [
    ...needs,
    ...takes,
  ]),
);

/** Checks every section by itself: what its driver lacks, and what it has no use for. */
export function checkDrivers(settings: readonly EffectiveSetting[]): CrossFault[] {
  const sections = new Set(settings.map(({ section }) => section));
  return [...sections].flatMap((section) => {
    const kind = kindOf(section);
    if (kind !== 'passdb' && kind !== 'userdb') return [];
    return checkDriver(settings.filter((setting) => setting.section === section));
  });
}

function checkDriver(settings: readonly EffectiveSetting[]): CrossFault[] {
  const driver = settings.find(({ key }) => key === 'driver');
  if (driver === undefined || driver.isFaulty) return [];
  const keys = keysOf(kindOf(driver.section), driver.text);
  const own = [...keys.needs, ...(keys.takes ?? [])];
  return settings.flatMap((setting) => {
    const { section, key, text, defaultText, isFaulty } = setting;
    if (isFaulty || !DRIVER_KEYS.has(key)) return [];
    if (keys.needs.includes(key) && text === '') {
      return [{ section, key, reason: `Cannot use driver ${driver.text} without ${nounOf(key)}` }];
    }
    // The default is no mistake: `postern config` prints it for every section.
    if (!own.includes(key) && text !== defaultText) {
      const hint = hintOf(key, { driver: driver.text, own });
      return [{ section, key, reason: `Cannot use ${nounOf(key)} with driver ${driver.text}${hint}` }];
    }
    if (key === 'path' && driver.text !== 'passwd-file' && hasVariables(text)) {
      return [{ section, key, reason: `Cannot use variables in the path of driver ${driver.text}` }];
    }
    return [];
  });
}

function keysOf(kind: string, driver: string): DriverKeys {
  const table: Readonly<Record<string, DriverKeys>> = kind === 'passdb' ? PASSDB_KEYS : USERDB_KEYS;
  return table[driver] ?? { needs: [] };
}

function nounOf(key: string): string {
  return key === 'path' ? 'a path' : key;
}

function hintOf(key: string, { driver, own }: { readonly driver: string; readonly own: readonly string[] }): string {
  if (driver === 'sqlite' && key === 'path') return ': the database is in [postern] state_dir';
  return own.length === 0 ? ', which takes no key of its own' : `, which takes ${own.join(', ')}`;
}

/** Checks that the databases make sense as a chain; sections with a fault of their own are not looked at. */
export function checkChains({ passdbs, userdbs }: Config, isSound: IsSound): CrossFault[] {
  const sound = passdbs.filter(({ name }) => isSoundSection(`passdb ${name}`, isSound));
  const soundUserdbs = userdbs.filter(({ name }) => isSoundSection(`userdb ${name}`, isSound));
  return [
    ...checkEmbedded(sound.map((db) => ({ ...db, section: `passdb ${db.name}`, role: `passdb${masterOf(db)}` }))),
    ...checkEmbedded(soundUserdbs.map((db) => ({ ...db, section: `userdb ${db.name}`, role: 'userdb' }))),
    ...(sound.length === passdbs.length ? checkPassdbs(passdbs) : []),
    ...soundUserdbs.flatMap((db) => {
      if (db.driver !== 'static' || !db.allowAllUsers || db.domains.length > 0) return [];
      const reason = 'Cannot use allow_all_users without domains: every address there is would be ours';
      return [{ section: `userdb ${db.name}`, key: 'allow_all_users', reason }];
    }),
  ];
}

function isSoundSection(section: string, isSound: IsSound): boolean {
  return ['driver', 'master', 'deny', 'domains', 'result_success'].every(
    (key) => isSound(section, key) || !hasKey(section, key),
  );
}

function hasKey(section: string, key: string): boolean {
  return kindOf(section) === 'passdb' ? key !== 'domains' : key !== 'master' && key !== 'deny';
}

function masterOf({ rules }: PassdbConfig): string {
  return rules.isMaster ? ' of masters' : '';
}

/** The embedded database has one place in each chain: asked a second time it would say the same. */
function checkEmbedded(
  databases: readonly { readonly driver: string; readonly section: string; readonly role: string }[],
): CrossFault[] {
  const taken = new Map<string, string>();
  return databases.flatMap(({ driver, section, role }) => {
    if (driver !== 'sqlite') return [];
    const first = taken.get(role);
    taken.set(role, first ?? section);
    if (first === undefined) return [];
    const reason = `Cannot use the embedded database twice as ${role}: [${first}] is it already`;
    return [{ section, key: 'driver', reason }];
  });
}

function checkPassdbs(passdbs: readonly PassdbConfig[]): CrossFault[] {
  const ordinary = passdbs.filter(({ rules }) => !rules.isMaster);
  const master = passdbs.find(({ rules }) => rules.isMaster);
  if (ordinary.length === 0) {
    const reason = 'Cannot use masters alone: the user a master logs in as is looked up in a passdb that is no master';
    return master === undefined ? [] : [{ section: `passdb ${master.name}`, key: 'master', reason }];
  }
  const deny = ordinary.find(({ rules }) => rules.isDeny);
  if (deny !== undefined && ordinary.every(({ rules }) => rules.isDeny)) {
    const reason = 'Cannot use only passdbs that deny: nobody could log in';
    return [{ section: `passdb ${deny.name}`, key: deny.driver === 'deny' ? 'driver' : 'deny', reason }];
  }
  const last = ordinary.at(-1);
  if (last?.rules.resultSuccess !== 'continue') return [];
  const reason = 'Cannot use continue on the last passdb: a right password would never be a login';
  return [{ section: `passdb ${last.name}`, key: 'result_success', reason }];
}
