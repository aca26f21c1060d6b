/**
 * `postern auth lookup USER`: what each passdb knows of a name, without a login. The first that knows it is the one a login would
 * begin with. The password stays hidden unless asked for; its scheme is shown always.
 */
import type { PassdbEntry } from '../auth/passdb.ts';
import type { PassdbAnswer } from '../auth/passdb-inquiry.ts';
import { fail } from './admin-session.ts';
import { EXIT } from './exit-codes.ts';
import { formatFields } from './format-account.ts';
import { addLoginOptions, readContext, type LoginOptions } from './login-options.ts';
import type { LoginTools } from './login-tools.ts';
import { printJson } from './print-json.ts';
import type { CliContext, Verb } from './program.ts';

interface LookupOptions extends LoginOptions {
  readonly showPassword?: true;
  readonly json?: true;
}

/** A lookup is no login: there is no mechanism. */
const NO_MECHANISM = '';

export function authLookupVerb(tools: LoginTools): Verb {
  return (family, context) => {
    const command = family
      .command('lookup')
      .description('what each passdb says of a name')
      .argument('<user>')
      .option('--show-password', 'print the stored password or hash')
      .option('--json', 'as JSON');
    addLoginOptions(command).action(async (user: string, options: LookupOptions) => {
      const logins = await tools.openLogins(context.loadConfig());
      try {
        const answers = await logins.ask(user, readContext(options, NO_MECHANISM));
        if (answers === undefined)
          return fail(context, { code: EXIT.noUser, text: `${JSON.stringify(user)} can be nobody's login name` });
        const isPasswordShown = options.showPassword === true;
        if (options.json === true) {
          printJson(
            context.terminal,
            answers.map((answer) => toJson(answer, isPasswordShown)),
          );
        } else {
          context.terminal.out(answers.map((answer) => formatAnswer(answer, isPasswordShown)).join('\n'));
        }
        report(context, { user, answers });
      } finally {
        await logins.close();
      }
    });
  };
}

function formatAnswer({ passdb, lookup }: PassdbAnswer, isPasswordShown: boolean): string {
  if (lookup === undefined) return formatFields([['passdb', `${passdb}: not asked`]]);
  switch (lookup.kind) {
    case 'absent':
      return formatFields([['passdb', `${passdb}: not there`]]);
    case 'unavailable':
      return formatFields([['passdb', `${passdb}: could not tell: ${lookup.reason}`]]);
    case 'found':
      return formatFields([['passdb', passdb], ...describeEntry(lookup.value, isPasswordShown)]);
  }
}

function describeEntry(entry: PassdbEntry, isPasswordShown: boolean): [label: string, value: string | undefined][] {
  const { appPasswords, appPasswordsRequired, fields } = entry;
  return [
    ['user', entry.user],
    ['scheme', describeScheme(entry)],
    ['password', isPasswordShown ? entry.password : undefined],
    ['login', entry.canLogin ? 'on' : 'off'],
    ['allow_nets', entry.allowNets.join(', ')],
    ['app passwords', appPasswords.map(({ label }) => JSON.stringify(label)).join(', ')],
    ['required', appPasswordsRequired === 'no' ? undefined : `app passwords, by its ${appPasswordsRequired}`],
    ...[...fields].map(([name, value]): [string, string] => ['field', value === '' ? name : `${name}=${value}`]),
  ];
}

function describeScheme({ password, isPasswordless }: PassdbEntry): string {
  if (isPasswordless) return 'none: any password is right';
  if (password === undefined) return 'none: no password is right';
  return /^\{([^}]*)\}/.exec(password)?.[1] ?? 'unnamed';
}

function toJson({ passdb, lookup }: PassdbAnswer, isPasswordShown: boolean): unknown {
  if (lookup === undefined) return { passdb, kind: 'not-asked' };
  if (lookup.kind !== 'found') return { passdb, ...lookup };
  const { password, appPasswords, fields, ...rest } = lookup.value;
  return {
    passdb,
    kind: 'found',
    ...rest,
    scheme: describeScheme(lookup.value),
    ...(isPasswordShown ? { password } : {}),
    appPasswords: appPasswords.map(({ id, label, scopes, allowNets, expiresAt }) => ({
      id,
      label,
      scopes,
      allowNets,
      expiresAt,
    })),
    fields: Object.fromEntries(fields),
  };
}

/** As doveadm: 75 when a passdb could not tell and no other knew, 67 when none knows the name. */
function report(
  context: CliContext,
  { user, answers }: { readonly user: string; readonly answers: readonly PassdbAnswer[] },
): void {
  const kinds = answers.map(({ lookup }) => lookup?.kind);
  if (kinds.includes('found')) return;
  if (kinds.includes('unavailable')) return context.exit(EXIT.temporary);
  fail(context, { code: EXIT.noUser, text: `No passdb knows ${JSON.stringify(user)}` });
}
