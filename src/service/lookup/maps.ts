/**
 * What each lookup table says of a key. Postfix sends these tables the whole address only and in any case, so folding,
 * detail and catch-all are the directory's to do (facts/postfix.md C.4, C.5). All tables answer from one directory, so
 * `recipient`, `alias`, policy and LMTP agree on who exists (RULES 23). A key that is no address (a bare domain, `*`,
 * `""`, nothing at all) is in no table but `domain` and `relay`: an alias map that answered a bare domain would make
 * the domain alias-only and every mailbox unknown (facts/postfix.md C.6).
 */
import { formatPath, parseAddress, parseDomain, parseNormalized } from '../../core/address.ts';
import { ABSENT, found, unavailable, type Lookup } from '../../core/outcome.ts';
import type { Directory, Resolution } from '../../directory/directory.ts';

/** What the tables ask of the directory. */
export type LookupDirectory = Pick<Directory, 'findDomain' | 'resolve' | 'findSenders'>;

type Table = (directory: LookupDirectory, key: string) => Promise<Lookup<string>>;

const TABLES: ReadonlyMap<string, Table> = new Map([
  ['domain', findDomain],
  ['relay', findDomain],
  ['recipient', findRecipient],
  ['alias', findAlias],
  ['sender', findSenders],
]);

/** Postfix takes a list of logins apart at these, quotes or not (smtpd_sender_login_maps). */
const LIST_SEPARATOR = /[\s,]/;

/** Looks `key` up in the table `map`; undefined when there is no such table. */
export function findInMap(directory: LookupDirectory, map: string, key: string): Promise<Lookup<string>> | undefined {
  return TABLES.get(map)?.(directory, key);
}

/** Domain lists ask for existence only; the value is the domain itself. */
async function findDomain(directory: LookupDirectory, key: string): Promise<Lookup<string>> {
  const name = parseDomain(key);
  if (name === undefined) return ABSENT;
  const domain = await directory.findDomain(name);
  return domain.kind === 'found' ? found(name) : domain;
}

/** Every address that exists, also one that is held, refuses mail, is full, or is an alias in a circle. */
async function findRecipient(directory: LookupDirectory, key: string): Promise<Lookup<string>> {
  const resolution = await resolve(directory, key);
  return resolution.kind === 'found' ? found(quoteAddress(resolution.value.address)) : resolution;
}

/**
 * The direct targets of an alias or a catch-all. Absent for whatever is an account, also with detail: Postfix asks
 * this table before the one of mailboxes, and a catch-all must not swallow them.
 */
async function findAlias(directory: LookupDirectory, key: string): Promise<Lookup<string>> {
  const resolution = await resolve(directory, key);
  if (resolution.kind !== 'found') return resolution;
  const { via, next, fault } = resolution.value;
  if (via === 'account') return ABSENT;
  // Postfix would expand a circle a thousand times and then blame its queue file; LMTP says 451 here, too (RULES 10).
  if (fault !== undefined) return unavailable(`alias ${fault}`);
  if (next.length === 0) return unavailable('alias without a target');
  return found(next.map(quoteAddress).join(', '));
}

/** The logins that may use an address as envelope sender, as `user=` of the SASL service names them (RULES 22). */
async function findSenders(directory: LookupDirectory, key: string): Promise<Lookup<string>> {
  const address = parseNormalized(key);
  if (address === undefined) return ABSENT;
  const senders = await directory.findSenders(address);
  if (senders.kind !== 'found') return senders;
  return senders.value.length === 0 ? ABSENT : found(senders.value.map(protectLogin).join(','));
}

function resolve(directory: LookupDirectory, key: string): Promise<Lookup<Resolution>> {
  const address = parseNormalized(key);
  return address === undefined ? Promise.resolve(ABSENT) : directory.resolve(address);
}

/** Postfix reads an alias result as a list of RFC 822 addresses: a blank or comma in a local part needs quotes. */
function quoteAddress(text: string): string {
  const address = parseAddress(text);
  return address === undefined ? text : formatPath(address);
}

/**
 * Logins are compared as they are, so they get no quotes; but one with a blank or comma would fall apart into others
 * (`a b@x` would make `b@x` an owner). In quotes its parts are nobody's.
 */
function protectLogin(login: string): string {
  return LIST_SEPARATOR.test(login) ? quoteAddress(login) : login;
}
