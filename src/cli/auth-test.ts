/**
 * `postern auth test USER`: would this login be good, and why? It asks the passdbs of the configuration as the daemon does, with
 * a password that is asked for. Nothing is counted against anybody, no failure is held back, and nothing is stored.
 */
import { Option } from 'commander';
import type { ExplainedOutcome, LoginContext, LoginOutcome, ProofScheme } from '../auth/login.ts';
import { NO_FIELDS } from '../core/fields.ts';
import { fail } from './admin-session.ts';
import { EXIT, type ExitCode } from './exit-codes.ts';
import { formatFields } from './format-account.ts';
import { addLoginOptions, readContext, type LoginOptions } from './login-options.ts';
import type { LoginTools, OpenLogins } from './login-tools.ts';
import { printJson } from './print-json.ts';
import type { CliContext, Verb } from './program.ts';
import { readKnownPassword } from './terminal.ts';

interface TestOptions extends LoginOptions {
  readonly mechanism: string;
  readonly master?: string;
  readonly passwordFile?: string;
  readonly json?: true;
}

/** What was typed. */
interface TypedLogin {
  readonly user: string;
  readonly master: string | undefined;
  readonly password: Buffer;
  readonly context: LoginContext;
}

/** Mechanisms that send the password, and with what the others check a proof. */
const MECHANISMS: ReadonlyMap<string, ProofScheme | undefined> = new Map([
  ['plain', undefined],
  ['login', undefined],
  ['cram-md5', 'CRAM-MD5'],
  ['digest-md5', 'DIGEST-MD5'],
  ['scram-sha-1', 'SCRAM-SHA-1'],
  ['scram-sha-256', 'SCRAM-SHA-256'],
]);

export function authTestVerb(tools: LoginTools): Verb {
  return (family, context) => {
    const command = family
      .command('test')
      .description('try a login as the daemon would, and say what decided')
      .argument('<user>')
      .option('--master <name>', 'log in with the name and password of this master, as the user')
      .option('--password-file <file>', 'read the password from a file, or with - from standard input')
      .addOption(new Option('--mechanism <name>', 'SASL mechanism').choices([...MECHANISMS.keys()]).default('plain'))
      .option('--json', 'as JSON');
    addLoginOptions(command).action(async (user: string, options: TestOptions) => {
      const config = context.loadConfig();
      const read = await readKnownPassword(options, context.terminal);
      if (read.kind === 'none') return fail(context, { code: EXIT.dataError, text: read.reason });
      const logins = await tools.openLogins(config);
      try {
        const typed: TypedLogin = {
          user,
          master: options.master,
          password: read.password,
          context: readContext(options, options.mechanism.toUpperCase()),
        };
        const scheme = MECHANISMS.get(options.mechanism);
        const explained =
          scheme === undefined ? await tryPassword(logins, typed) : await tryProof(logins, typed, scheme);
        if (options.json === true) printJson(context.terminal, toJson(explained));
        else context.terminal.out(formatExplained(explained));
        reportVerdict(context, explained.outcome);
      } finally {
        await logins.close();
      }
    });
  };
}

function tryPassword(logins: OpenLogins, { user, master, password, context }: TypedLogin): Promise<ExplainedOutcome> {
  const login =
    master === undefined ? { username: user, password } : { username: master, password, authorizationId: user };
  return logins.explain(login, context);
}

/** Proves the password as a client would: the proof is right if the password fits what it is checked with. */
async function tryProof(
  logins: OpenLogins,
  { user, master, password, context }: TypedLogin,
  scheme: ProofScheme,
): Promise<ExplainedOutcome> {
  const names = master === undefined ? { username: user } : { username: master, authorizationId: user };
  const pending = await logins.findCredential({ ...names, scheme }, context);
  if (pending.kind === 'unavailable') return { outcome: pending, steps: [], fields: NO_FIELDS };
  const { credential } = pending;
  const isProven =
    credential.kind === 'plain'
      ? credential.password.equals(password)
      : (await logins.verifyHash(password, `{${scheme}}${credential.data}`, { user: names.username })) === 'match';
  return { outcome: await pending.conclude(isProven), steps: [], fields: NO_FIELDS };
}

function formatExplained({ outcome, steps, fields }: ExplainedOutcome): string {
  return (
    formatFields([['verdict', describeVerdict(outcome)]]) +
    formatFields(steps.map(({ passdb, verdict }) => ['passdb', `${passdb}: ${verdict}`] as const)) +
    formatFields(describeOutcome(outcome)) +
    formatFields([...fields].map(([name, value]) => ['field', value === '' ? name : `${name}=${value}`] as const))
  );
}

function describeVerdict(outcome: LoginOutcome): string {
  switch (outcome.kind) {
    case 'accepted':
      return 'accepted';
    case 'rejected':
      return `rejected: ${outcome.reason}`;
    case 'unavailable':
      return `could not tell: ${outcome.reason}`;
  }
}

function describeOutcome(outcome: LoginOutcome): [label: string, value: string | undefined][] {
  if (outcome.kind === 'unavailable') return [];
  if (outcome.kind === 'rejected') {
    const told = outcome.tellsAppPassword === true ? 'App password required' : undefined;
    return [
      ['user', outcome.user],
      ['master', outcome.masterUser],
      ['client hears', told],
    ];
  }
  return [
    ['user', outcome.user],
    ['master', outcome.masterUser],
    ['app password', outcome.appPassword],
    ['decided by', outcome.passdb],
  ];
}

function toJson({ outcome, steps, fields }: ExplainedOutcome): unknown {
  return { ...outcome, steps, fields: Object.fromEntries(fields) };
}

/** As doveadm: 77 for a login that fails, 67 where there is no such user, 75 when nobody could tell. */
function reportVerdict(context: CliContext, outcome: LoginOutcome): void {
  const code = codeOf(outcome);
  if (code !== EXIT.ok) context.exit(code);
}

function codeOf(outcome: LoginOutcome): ExitCode {
  switch (outcome.kind) {
    case 'accepted':
      return EXIT.ok;
    case 'unavailable':
      return EXIT.temporary;
    case 'rejected':
      return outcome.reason === 'unknown-user' || outcome.reason === 'unknown-target' ? EXIT.noUser : EXIT.refused;
  }
}
