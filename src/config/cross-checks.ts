/**
 * What must fit together across settings: sockets, networks, databases, mail roots. Each check gives the setting that
 * should change. A check is left out when a setting it looks at has a fault of its own.
 */
import { formatEndpoint, type Endpoint } from '../core/endpoint.ts';
import type { Config } from './config.ts';
import { fixedDirectory } from './mail-readers.ts';

/** A fault of settings that are each right by themselves. */
export interface CrossFault {
  readonly section: string;
  readonly key: string;
  readonly reason: string;
}

/** Whether a setting has a sound value. */
export type IsSound = (section: string, key: string) => boolean;

/** Services that answer whoever connects, so that beyond loopback their networks must be named (RULES 35). */
const TRUSTING_SERVICES = ['sasl', 'policy', 'lmtp', 'lookup'] as const;
const SERVICES = [...TRUSTING_SERVICES, 'http'] as const;

const LOOPBACK = /^(?:127\.\d+\.\d+\.\d+|::1|::ffff:127\.\d+\.\d+\.\d+|localhost)$/i;

/** Checks the whole configuration; where `isSound` says no, the value in `config` is not looked at. */
export function crossCheck(config: Config, isSound: IsSound): CrossFault[] {
  return [
    ...checkSharedEndpoints(config, isSound),
    ...checkExposedListeners(config, isSound),
    ...checkMailRoots(config, isSound),
  ];
}

function checkSharedEndpoints(config: Config, isSound: IsSound): CrossFault[] {
  const faults: CrossFault[] = [];
  const owners = new Map<string, string>();
  for (const service of SERVICES) {
    if (!isSound(service, 'listen')) continue;
    for (const endpoint of config[service].listen) {
      const name = formatEndpoint(endpoint);
      const owner = owners.get(name);
      const where = owner === service ? 'twice' : `because [${owner}] listens there already`;
      if (owner !== undefined) faults.push({ section: service, key: 'listen', reason: `Cannot use ${name} ${where}` });
      owners.set(name, service);
    }
  }
  return faults;
}

function checkExposedListeners(config: Config, isSound: IsSound): CrossFault[] {
  const faults: CrossFault[] = [];
  for (const service of TRUSTING_SERVICES) {
    const { listen, allowNets } = config[service];
    if (!isSound(service, 'listen') || !isSound(service, 'allow_nets') || allowNets.length > 0) continue;
    for (const endpoint of listen) {
      if (isLoopback(endpoint)) continue;
      const reason = `Cannot listen on ${formatEndpoint(endpoint)} without allow_nets: the network could ask anything`;
      faults.push({ section: service, key: 'listen', reason });
    }
  }
  return faults;
}

function isLoopback(endpoint: Endpoint): boolean {
  return endpoint.kind === 'unix' || LOOPBACK.test(endpoint.host);
}

function checkMailRoots({ mail }: Config, isSound: IsSound): CrossFault[] {
  if (!isSound('mail', 'home') || !isSound('mail', 'roots')) return [];
  const { home, roots, location } = mail;
  const directory = fixedDirectory(home);
  if (directory === '/') {
    return [mailFault('home', 'Cannot use a home without a fixed directory before its first variable')];
  }
  if (roots.includes('/')) return [mailFault('roots', 'Cannot use "/" as mail root: it would allow every place')];
  const outside = `outside the mail roots (${roots.join(', ')})`;
  if (!isBelow(directory, roots)) return [mailFault('home', `Cannot use a home ${outside}`)];
  if (!isSound('mail', 'location')) return [];
  const [place = ''] = location.slice('maildir:'.length).split(':', 1);
  if (!place.startsWith('/') || isBelow(fixedDirectory(place), roots)) return [];
  return [mailFault('location', `Cannot use a location ${outside}`)];
}

function mailFault(key: string, reason: string): CrossFault {
  return { section: 'mail', key, reason };
}

function isBelow(directory: string, roots: readonly string[]): boolean {
  return roots.some((root) => directory === root || directory.startsWith(`${root}/`));
}
