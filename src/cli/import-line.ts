/**
 * From a user of another program's users file to an account of ours, or why it cannot be one. Whatever the file asks for and
 * an account cannot hold is a reason: nothing is left out in silence.
 */
import type { HashFacts } from '../auth/schemes/hash-facts.ts';
import { network } from '../config/mail-readers.ts';
import { readText } from '../config/reader.ts';
import type { ImportedAccount } from '../directory/import.ts';
import type { Account } from '../directory/source.ts';
import type { NumberedUser } from './tools.ts';

export interface ImportRules {
  /** `[mail] roots`: a home must be below one of them. */
  readonly roots: readonly string[];
  /** `[mail] location`: an account has none of its own. */
  readonly location: string;
  /** Forget the homes of the file. */
  readonly makesHomes: boolean;
  readonly describeHash: (stored: string) => HashFacts | undefined;
  /** Whom files in a mailbox belong to when this program writes them. */
  readonly uid: number | undefined;
  readonly gid: number | undefined;
}

export type ReadUser =
  | {
      readonly kind: 'good';
      readonly account: ImportedAccount;
      /** Undefined for an account without a password. */
      readonly hash: HashFacts | undefined;
      /** The file marks it as locked. */
      readonly isLocked: boolean;
      /** The file names an owner of the mail who is not us (RULES 13). */
      readonly hasForeignOwner: boolean;
    }
  | { readonly kind: 'faulty'; readonly reason: string };

const LOCAL = 'local';

/** Reads one user. */
export function readUser({ user }: NumberedUser, rules: ImportRules): ReadUser {
  const { login, account } = user;
  const facts = login.password === undefined ? undefined : rules.describeHash(login.password);
  const reason = findFault({ user, facts }, rules);
  if (reason !== undefined || account === undefined) return { kind: 'faulty', reason: reason ?? 'it is no address' };
  const { address, host, receive, quota } = account;
  const isLocked = facts?.isLocked === true;
  const imported = {
    address,
    password: isLocked ? undefined : login.password,
    home: rules.makesHomes ? undefined : trimSlash(account.home),
    // A login is off for the sake of the host, and on again when the mailbox comes here.
    canLogin: !isLocked && (login.canLogin || host !== undefined),
    receive,
    host,
    quota,
    allowNets: login.allowNets,
  };
  return {
    kind: 'good',
    account: imported,
    hash: isLocked ? undefined : facts,
    isLocked,
    hasForeignOwner: hasForeignOwner(account, rules),
  };
}

function hasForeignOwner({ uid, gid }: Account, ours: ImportRules): boolean {
  return (uid !== undefined && uid !== ours.uid) || (gid !== undefined && gid !== ours.gid);
}

function findFault(
  { user, facts }: { readonly user: NumberedUser['user']; readonly facts: HashFacts | undefined },
  { roots, location, makesHomes }: ImportRules,
): string | undefined {
  const { account, login, faults } = user;
  if (faults.length > 0) return faults.join('; ');
  if (account === undefined) return 'it is no address';
  if (login.isPasswordless) return 'any password would be right (nopassword)';
  const { password } = login;
  if (password !== undefined && facts === undefined) return `no password can match its hash of ${schemeOf(password)}`;
  if (account.mail !== undefined && account.mail !== location) return 'it has a mail location of its own';
  const badNet = login.allowNets.find((net) => net !== LOCAL && readText(network, net).kind === 'fault');
  if (badNet !== undefined) return `${JSON.stringify(badNet)} is no network`;
  const home = trimSlash(account.home);
  if (home === undefined || makesHomes || roots.some((root) => home.startsWith(`${root}/`))) return undefined;
  return `its home ${JSON.stringify(home)} is outside the mail roots (${roots.join(', ')})`;
}

function trimSlash(home: string | undefined): string | undefined {
  return home?.replace(/(?<=.)\/+$/, '');
}

function schemeOf(stored: string): string {
  return JSON.stringify(/^\{[^}]{0,40}\}/.exec(stored)?.[0] ?? 'no scheme');
}
