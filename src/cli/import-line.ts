/**
 * From a user of another program's users file to an account of ours, or why it cannot be one. Whatever the file asks for and
 * an account cannot hold is a reason: nothing is left out in silence.
 */
import type { HashFacts } from '../auth/schemes/hash-facts.ts';
import { expandField } from '../core/field-templates.ts';
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

/** Reads one user. */
export function readUser({ user }: NumberedUser, rules: ImportRules): ReadUser {
  const { login, account } = user;
  const facts = login.password === undefined ? undefined : rules.describeHash(login.password);
  const reason = findFault({ user, facts }, rules);
  if (reason !== undefined || account === undefined) return { kind: 'faulty', reason: reason ?? 'it is no address' };
  const { address, host, receive } = account;
  const isLocked = facts?.isLocked === true;
  const imported = {
    address,
    password: isLocked ? undefined : login.password,
    home: rules.makesHomes ? undefined : trimSlash(account.home),
    // A login is off for the sake of the host, and on again when the mailbox comes here.
    canLogin: !isLocked && (login.canLogin || host !== undefined),
    receive,
    host,
    quotaRules: account.quota.map(({ rule }) => rule),
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
  const loginFault = findLoginFault(user, facts);
  if (loginFault !== undefined) return loginFault;
  const ownLocation = expandField({ name: 'mail', value: location }, { user: user.name });
  if (account.mail !== undefined && account.mail !== ownLocation) return 'it has a mail location of its own';
  if (login.user !== user.name || account.address !== user.name) return 'its fields rename the user';
  if (account.quota.some(({ root }) => root !== 1)) return 'it has rules for a second quota root';
  const home = trimSlash(account.home);
  if (home === undefined || makesHomes || roots.some((root) => home.startsWith(`${root}/`))) return undefined;
  return `its home ${JSON.stringify(home)} is outside the mail roots (${roots.join(', ')})`;
}

function findLoginFault({ login }: NumberedUser['user'], facts: HashFacts | undefined): string | undefined {
  const { password, isFieldsOnly, isPasswordless } = login;
  if (isFieldsOnly) return 'it gives fields and never authenticates (noauthenticate)';
  if (isPasswordless) return 'any password would be right (nopassword)';
  if (password === undefined || facts !== undefined) return undefined;
  return `no password can match its hash of ${schemeOf(password)}`;
}

function trimSlash(home: string | undefined): string | undefined {
  return home?.replace(/(?<=.)\/+$/, '');
}

function schemeOf(stored: string): string {
  return JSON.stringify(/^\{[^}]{0,40}\}/.exec(stored)?.[0] ?? 'no scheme');
}
