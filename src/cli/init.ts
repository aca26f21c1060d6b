/**
 * `postern init [DIR]`: a configuration, a database, and a first account, everything under one directory and without
 * root. What is there already is never changed. The password of the account is printed once, whatever `--quiet` says.
 */
import { existsSync, mkdirSync, chmodSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { loadConfig, type Config } from '../config/load-config.ts';
import { describeError } from '../core/errors.ts';
import type { AdminOutcome, DirectoryAdmin } from '../directory/admin.ts';
import { fail, type VerbEnvironment } from './admin-session.ts';
import { EXIT } from './exit-codes.ts';
import { writeFirstConfig } from './first-config.ts';
import { generatePassword } from './new-password.ts';
import type { Verb } from './program.ts';
import type { CliTools } from './tools.ts';

interface InitOptions {
  readonly domain: string;
  readonly account: string;
  readonly ifMissing?: true;
  readonly quiet?: true;
}

/** Sockets are for the group too, and the files in the directory take its group (DESIGN 1.8). */
const SOCKET_DIRECTORY_MODE = 0o2750;
const PRIVATE_MODE = 0o700;
const DIRECTORY_MODE = 0o750;
const CONFIG_MODE = 0o640;

export function initVerb(tools: CliTools): Verb {
  return (program, context) => {
    program
      .command('init')
      .description('write a configuration, make the database and a first account')
      .argument('[dir]', 'where everything goes', 'var')
      .option('--domain <domain>', 'first domain', 'example.test')
      .option('--account <name>', 'local part of the first account', 'postmaster')
      .option('--if-missing', 'do only what is not done yet')
      .option('--quiet', 'print nothing but a new password')
      .action((dir: string, options: InitOptions) => initialize(resolve(dir), options, { context, tools }));
  };
}

async function initialize(dir: string, options: InitOptions, environment: VerbEnvironment): Promise<void> {
  const { context, tools } = environment;
  const file = join(dir, 'postern.ini');
  const say = (text: string): void => {
    if (options.quiet !== true) context.terminal.out(`${text}\n`);
  };
  if (existsSync(file) && options.ifMissing !== true) {
    return fail(context, { code: EXIT.cannotCreate, text: `Cannot write ${file}: it is there already` });
  }
  if (/[\s,%]/.test(dir)) {
    // They part lists and begin variables in the configuration.
    return fail(context, { code: EXIT.dataError, text: `Cannot use ${dir}: white space, a comma or % in its name` });
  }
  try {
    if (!existsSync(file)) {
      makeDirectories(dir);
      writeFileSync(file, writeFirstConfig({ dir, domain: options.domain }), { flag: 'wx', mode: CONFIG_MODE });
      say(`Wrote ${file}`);
    }
  } catch (error) {
    return fail(context, { code: EXIT.cannotCreate, text: `Cannot make ${dir}: ${describeError(error)}` });
  }
  const config = loadConfig({ path: file });
  await makeFirstAccount(options, { config, context, tools, say });
}

interface Making {
  readonly config: Config;
  readonly context: VerbEnvironment['context'];
  readonly tools: CliTools;
  readonly say: (text: string) => void;
}

async function makeFirstAccount(options: InitOptions, { config, context, tools, say }: Making): Promise<void> {
  let admin: DirectoryAdmin | undefined;
  try {
    admin = tools.openAdmin(config, { create: true });
    if (admin.domains.list().length > 0) return say('The database has domains already');
    const address = `${options.account}@${options.domain}`;
    const password = generatePassword();
    const hash = await tools.hashPassword(config, Buffer.from(password));
    const outcome = await addFirst(admin, { address, domain: options.domain, hash });
    if (outcome.kind === 'refused') {
      return fail(context, { code: EXIT.dataError, text: `Cannot make account ${address}: ${outcome.reason}` });
    }
    say(`Made domain ${options.domain}`);
    context.terminal.out(`Made account ${address} with password ${password}\n`);
  } catch (error) {
    fail(context, { code: EXIT.temporary, text: `Cannot make the database: ${describeError(error)}` });
  } finally {
    admin?.close();
  }
}

async function addFirst(
  admin: DirectoryAdmin,
  first: { readonly address: string; readonly domain: string; readonly hash: string },
): Promise<AdminOutcome> {
  const domain = await admin.domains.add(first.domain, {});
  if (domain.kind === 'refused') return domain;
  // Mail of an earlier try in the same directory belongs to the same account.
  const account = await admin.accounts.add(first.address, { password: first.hash, adopt: true });
  if (account.kind === 'refused') await admin.domains.remove(first.domain, { force: true });
  return account;
}

function makeDirectories(dir: string): void {
  mkdirSync(dir, { recursive: true, mode: DIRECTORY_MODE });
  for (const [name, mode] of [
    ['state', PRIVATE_MODE],
    ['mail', PRIVATE_MODE],
    ['run', SOCKET_DIRECTORY_MODE],
  ] as const) {
    const path = join(dir, name);
    if (existsSync(path)) continue;
    mkdirSync(path, { mode: PRIVATE_MODE });
    // The umask and mkdir(2) leave out the bit for the group.
    chmodSync(path, mode);
  }
}
