/**
 * Where an account's mail lies: `maildir:PATH[:INBOX=..:CONTROL=..:INDEX=..]` with `~` and `%` variables, from the
 * userdb or the configuration (RULES 12 to 14). Pure: nothing is looked up on the disk. A name that cannot be part of
 * a path safely is refused before a path is built.
 */
import { isAbsolute, join, normalize } from 'node:path';
import { describeError } from '../core/errors.ts';
import { parseTemplate } from '../core/template.ts';
import { ACCOUNT_VARIABLES, expandPath, isSafeName, usesVariable } from '../core/variables.ts';
import type { MailUser } from './mail-user.ts';

export interface LocationSettings {
  /** `[mail] home`: used where the account has none stored. */
  readonly home: string;
  /** `[mail] location`. */
  readonly location: string;
  /** Absolute directories that hold all mail; nothing outside is ever touched. */
  readonly roots: readonly string[];
  /** The ids this process runs with. */
  readonly uid: number;
  readonly gid: number;
}

/** A location as written, before variables are expanded. */
export interface LocationTemplate {
  readonly path: string;
  readonly inbox: string | undefined;
  readonly control: string | undefined;
  readonly index: string | undefined;
}

export interface MailLocation {
  /** The Maildir++ root: folders are its `.Name` directories. */
  readonly path: string;
  /** The Maildir of the INBOX, most often `path` itself. */
  readonly inbox: string;
  /** The mail root that holds `path`. */
  readonly root: string;
}

/** `reason` is one of `DeferReason`: a location nobody can use is the administrator's to mend, so mail waits. */
export type Located =
  | { readonly kind: 'located'; readonly location: MailLocation }
  | { readonly kind: 'fault'; readonly reason: 'location' | 'wrong-owner'; readonly detail: string };

const OPTIONS = ['INBOX', 'CONTROL', 'INDEX'] as const;

/** Parses a location; throws SyntaxError for another driver, a missing path or an option that is not known. */
export function parseLocation(text: string): LocationTemplate {
  const [driver = '', path = '', ...options] = text.split(':');
  if (driver !== 'maildir') throw new SyntaxError(`Cannot use mail location "${text}": it must start with "maildir:"`);
  if (path === '') throw new SyntaxError(`Cannot use mail location "${text}": it has no path`);
  const values = new Map<string, string>();
  for (const option of options) {
    const [name = '', value = ''] = option.split(/=(.*)/s);
    if (!OPTIONS.some((known) => known === name) || value === '') {
      throw new SyntaxError(`Cannot use mail location "${text}": no such option "${option}"`);
    }
    values.set(name, value);
  }
  return { path, inbox: values.get('INBOX'), control: values.get('CONTROL'), index: values.get('INDEX') };
}

/** What was found for accounts that still live in a cache of the directory; they never change, a changed one is another. */
const KNOWN = new WeakMap<LocationSettings, WeakMap<MailUser, Located>>();

/** Finds the location of an account; of one that was asked about before without expanding anything. */
export function locate(user: MailUser, settings: LocationSettings): Located {
  let known = KNOWN.get(settings);
  if (known === undefined) {
    known = new WeakMap();
    KNOWN.set(settings, known);
  }
  let located = known.get(user);
  if (located === undefined) {
    located = findLocation(user, settings);
    known.set(user, located);
  }
  return located;
}

function findLocation(user: MailUser, settings: LocationSettings): Located {
  const { uid, gid } = user;
  if ((uid !== undefined && uid !== settings.uid) || (gid !== undefined && gid !== settings.gid)) {
    const ours = `${settings.uid}:${settings.gid}`;
    return { kind: 'fault', reason: 'wrong-owner', detail: `wants ${uid ?? '-'}:${gid ?? '-'}, we are ${ours}` };
  }
  try {
    return { kind: 'located', location: expandLocation(user, settings) };
  } catch (error) {
    return { kind: 'fault', reason: 'location', detail: describeError(error) };
  }
}

/** The home of an account: stored with it, or made from `[mail] home`. Throws SyntaxError or RangeError. */
export function findHome(user: MailUser, settings: LocationSettings): string {
  return assertPath(user.home ?? expand(settings.home, user, undefined));
}

/** Whether `path` is `folder` or lies below it; both absolute and normal. */
export function isInside(path: string, folder: string): boolean {
  return path === folder || path.startsWith(folder.endsWith('/') ? folder : `${folder}/`);
}

function expandLocation(user: MailUser, settings: LocationSettings): MailLocation {
  const template = parseLocation(user.mail ?? settings.location);
  const home = findHome(user, settings);
  const toPath = (text: string): string =>
    assertPath(
      expand(
        text.replace(/^~(?=\/|$)/, () => '%h'),
        user,
        home,
      ),
    );
  const path = toPath(template.path);
  const inbox = template.inbox === undefined ? path : toPath(template.inbox);
  // Dovecot's own files live there; expanded only so that a bad one is reported.
  for (const other of [template.control, template.index]) if (other !== undefined && other !== 'MEMORY') toPath(other);
  const root = settings.roots.filter((known) => isInside(path, known)).toSorted((a, b) => b.length - a.length)[0];
  if (root === undefined) throw new SyntaxError(`Cannot use mail location "${path}": outside the mail roots`);
  if (path === root) throw new SyntaxError(`Cannot use mail location "${path}": it is a mail root itself`);
  if (!settings.roots.some((known) => isInside(inbox, known))) {
    throw new SyntaxError(`Cannot use INBOX location "${inbox}": outside the mail roots`);
  }
  return { path, inbox, root };
}

/** Expands variables only when every part of the name is safe in a path (RULES 14). */
function expand(template: string, user: MailUser, home: string | undefined): string {
  if (usesVariable(template, ACCOUNT_VARIABLES)) assertSafeName(user.address);
  return expandPath(parseTemplate(template), { user: user.address, home });
}

function assertSafeName(address: string): void {
  const at = address.indexOf('@');
  const parts = at === -1 ? [address] : [address.slice(0, at), address.slice(at + 1)];
  for (const part of parts) {
    if (!isSafeName(part)) {
      throw new SyntaxError(`Cannot build a path for "${address}": "${part}" is not allowed in one`);
    }
  }
}

function assertPath(path: string): string {
  if (!isAbsolute(path)) throw new SyntaxError(`Cannot use mail path "${path}": it is not absolute`);
  if (path.split('/').includes('..') || path.includes('\0')) {
    throw new SyntaxError(`Cannot use mail path "${path}": it climbs`);
  }
  return join('/', normalize(path).replace(/\/+$/, ''));
}
