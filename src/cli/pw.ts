/**
 * `postern pw`: makes a password hash to put into a passwd file or database, or tests one, as `doveadm pw` does. It needs
 * no configuration and changes nothing.
 */
import type { Hasher } from '../auth/hasher.ts';
import { describeError } from '../core/errors.ts';
import { fail } from './admin-session.ts';
import { EXIT } from './exit-codes.ts';
import type { CliContext, Verb } from './program.ts';
import { readKnownPassword, readNewPassword } from './terminal.ts';

/** Lends a hasher for the time of one call. */
export type WithHasher = (use: (hasher: Hasher) => Promise<void>) => Promise<void>;

interface PwOptions {
  readonly scheme?: string;
  readonly test?: string;
  readonly passwordFile?: string;
}

export function pwVerb(withHasher: WithHasher): Verb {
  return (program, context) => {
    program
      .command('pw')
      .description('make a password hash, or test one')
      .option('-s, --scheme <scheme>', 'scheme of the hash, such as ARGON2ID, BLF-CRYPT or SHA512-CRYPT')
      .option('-t, --test <hash>', 'test the password against this hash ({SCHEME}data)')
      .option('--password-file <file>', 'read the password from a file, or with - from standard input')
      .action(async (options: PwOptions) => {
        const { terminal } = context;
        // A new password is asked for twice, one to be tested once: a mistake shows itself.
        const read = await (options.test === undefined ? readNewPassword : readKnownPassword)(options, terminal);
        if (read.kind === 'none') return fail(context, { code: EXIT.dataError, text: read.reason });
        const { password } = read;
        return withHasher((hasher) =>
          options.test === undefined
            ? printHash(hasher, { context, password, scheme: options.scheme })
            : testHash(hasher, { context, password, stored: options.test }),
        );
      });
  };
}

async function printHash(
  hasher: Hasher,
  { context, password, scheme }: { context: CliContext; password: Buffer; scheme: string | undefined },
): Promise<void> {
  try {
    context.terminal.out(`${await hasher.hash(password, scheme)}\n`);
  } catch (error) {
    fail(context, { code: error instanceof RangeError ? EXIT.usage : EXIT.temporary, text: describeError(error) });
  }
}

async function testHash(
  hasher: Hasher,
  { context, password, stored }: { context: CliContext; password: Buffer; stored: string },
): Promise<void> {
  const verdict = await hasher.verify(password, stored);
  switch (verdict) {
    case 'match':
      context.terminal.out(`${stored} (verified)\n`);
      break;
    case 'mismatch':
      fail(context, { code: EXIT.refused, text: 'The password does not match' });
      break;
    case 'unusable':
      fail(context, { code: EXIT.dataError, text: 'Cannot read the hash: unknown scheme or malformed data' });
      break;
    case 'busy':
      fail(context, {
        code: EXIT.temporary,
        text: 'Cannot test the hash here: no library for its scheme, or too slow',
      });
      break;
  }
}
