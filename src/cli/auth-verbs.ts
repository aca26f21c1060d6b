/**
 * `postern auth …`: the family of verbs about logins. Each of them is a file of its own (`auth-*.ts`) that registers itself
 * below the family as other verbs do below the program.
 */
import type { Verb } from './program.ts';

/** The family with its verbs. */
export function authVerbs(verbs: readonly Verb[]): Verb {
  return (program, context) => {
    const family = program.command('auth').description('logins: who is slowed down, what the passdbs say');
    for (const verb of verbs) verb(family, context);
  };
}
