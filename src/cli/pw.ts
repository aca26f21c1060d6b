/**
 * `postern pw`: makes a password hash to put into a passwd file or database, tests one, or lists the schemes, as
 * `doveadm pw` does. It needs no configuration and changes nothing.
 */
import { InvalidArgumentError, Option } from 'commander';
import type { Hasher } from '../auth/hasher.ts';
import type { Scheme } from '../auth/schemes/scheme.ts';
import { describeError } from '../core/errors.ts';
import { fail } from './admin-session.ts';
import { EXIT } from './exit-codes.ts';
import { printJson } from './print-json.ts';
import type { CliContext, Verb } from './program.ts';
import { readNewPassword, type NewPassword, type Terminal } from './terminal.ts';

/** Lends a hasher for the time of one call. */
export type WithHasher = (use: (hasher: Hasher) => Promise<void>) => Promise<void>;

/** What is known of schemes. */
export interface SchemeFacts {
  readonly schemes: readonly Scheme[];
  /** Why a stored password should be replaced, if it should. */
  readonly findWeakness: (stored: string) => string | undefined;
}

interface PwOptions {
  readonly scheme?: string;
  readonly rounds?: number;
  readonly user?: string;
  readonly test?: string;
  readonly list?: true;
  readonly json?: true;
  readonly passwordFile?: string;
}

/** One use of the verb, with everything it works with. */
interface Scene {
  readonly hasher: Hasher;
  readonly context: CliContext;
  readonly password: Buffer;
  readonly options: PwOptions;
  readonly facts: SchemeFacts;
}

/** Mechanisms that bring the password itself, so that every scheme serves them. */
const PASSWORD_MECHANISMS = ['PLAIN', 'LOGIN'];
const ROUNDS = /^\d{1,9}$/;

export function pwVerb(withHasher: WithHasher, facts: SchemeFacts): Verb {
  return (program, context) => {
    program
      .command('pw')
      .description('make a password hash, test one, or list the schemes')
      .option('-s, --scheme <scheme>', 'scheme of the hash, such as ARGON2ID, BLF-CRYPT or SHA512-CRYPT')
      .option('-r, --rounds <number>', 'cost of the hash, in the rounds of its scheme', parseRounds)
      .option('-u, --user <name>', 'login name of the user; DIGEST-MD5 hashes it with the password')
      .addOption(
        new Option('-t, --test <hash>', 'test the password against this hash ({SCHEME}data)').conflicts([
          'scheme',
          'rounds',
        ]),
      )
      .addOption(
        new Option('-l, --list', 'list the schemes: what each serves, and which are weak').conflicts([
          'scheme',
          'rounds',
          'user',
          'test',
          'passwordFile',
        ]),
      )
      .option('--password-file <file>', 'read the password from a file, or with - from standard input')
      .option('--json', 'the list as JSON')
      .action(async (options: PwOptions) => {
        if (options.list === true) return printSchemes(context.terminal, facts.schemes, options);
        const read = await readPassword(options, context);
        if (read.kind === 'none') return fail(context, { code: EXIT.dataError, text: read.reason });
        const { password } = read;
        const { test } = options;
        return withHasher((hasher) => {
          const scene = { hasher, context, password, options, facts };
          return test === undefined ? printHash(scene) : testHash(scene, test);
        });
      });
  };
}

function parseRounds(text: string): number {
  if (!ROUNDS.test(text)) throw new InvalidArgumentError('Write a whole number');
  return Number(text);
}

/** A new password is asked for twice, one to be tested once: a mistake shows itself. */
async function readPassword(options: PwOptions, { terminal }: CliContext): Promise<NewPassword> {
  if (options.test === undefined || options.passwordFile !== undefined || !terminal.isInteractive) {
    return readNewPassword(options, terminal);
  }
  const typed = await terminal.readSecret('Password: ');
  if (typed === undefined) return { kind: 'none', reason: 'Cannot go on without a password: cancelled' };
  return { kind: 'read', password: Buffer.from(typed) };
}

async function printHash({ hasher, context, password, options }: Scene): Promise<void> {
  const { scheme, user, rounds } = options;
  try {
    context.terminal.out(`${await hasher.hash(password, scheme, { user, rounds })}\n`);
  } catch (error) {
    fail(context, { code: error instanceof RangeError ? EXIT.usage : EXIT.temporary, text: describeError(error) });
  }
}

async function testHash({ hasher, context, password, options, facts }: Scene, stored: string): Promise<void> {
  const verdict = await hasher.verify(password, stored, { user: options.user });
  const weakness = facts.findWeakness(stored);
  if (weakness !== undefined) context.terminal.err(`The scheme is weak: ${weakness}\n`);
  switch (verdict) {
    case 'match':
      context.terminal.out(`${stored} (verified)\n`);
      break;
    case 'mismatch':
      fail(context, { code: EXIT.refused, text: 'The password does not match' });
      break;
    case 'unusable':
      fail(context, {
        code: EXIT.dataError,
        text: 'Cannot read the hash: unknown scheme, malformed data, too costly, or DIGEST-MD5 without --user',
      });
      break;
    case 'busy':
      fail(context, {
        code: EXIT.temporary,
        text: 'Cannot test the hash here: no library for its scheme, or too slow',
      });
      break;
  }
}

function printSchemes(terminal: Terminal, schemes: readonly Scheme[], { json }: PwOptions): void {
  const rows = schemes.map(({ name, aliases, proofs, weakness }) => ({
    name,
    aliases,
    mechanisms: [...PASSWORD_MECHANISMS, ...proofs],
    ...(weakness === undefined ? {} : { weakness }),
  }));
  if (json === true) return printJson(terminal, rows);
  const nameWidth = Math.max(...rows.map(({ name }) => name.length)) + 2;
  const head = `${'SCHEME'.padEnd(nameWidth)}WEAK  MECHANISMS\n`;
  const lines = rows.map(({ name, aliases, mechanisms, weakness }) => {
    const notes = [aliases.length === 0 ? undefined : `also called ${aliases.join(', ')}`, weakness];
    const note = notes.filter((text) => text !== undefined).join('; ');
    const mark = weakness === undefined ? '      ' : 'weak  ';
    return `${name.padEnd(nameWidth)}${mark}${mechanisms.join(' ')}${note === '' ? '' : ` (${note})`}\n`;
  });
  terminal.out(head + lines.join(''));
}
