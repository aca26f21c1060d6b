/**
 * The rows of `[passdb NAME]` and `[userdb NAME]` in the settings table; `settings.ts` puts them into it, and
 * `databases.ts` knows which of them each driver takes.
 */
import { fields, lookupName, namePattern, pathTemplate, query, storedScheme } from './auth-readers.ts';
import { MECHANISMS } from './auth-settings.ts';
import { ACCOUNT_VARIABLES, LOGIN_VARIABLES } from '../core/variables.ts';
import { choice, hostName, list, optional, yesNo } from './readers.ts';
import { restart } from './setting.ts';

const PASSDB_DRIVERS = ['sqlite', 'passwd-file', 'sql', 'static', 'deny'] as const;
const USERDB_DRIVERS = ['sqlite', 'passwd-file', 'sql', 'static', 'prefetch'] as const;
const ACTIONS = ['return-ok', 'return', 'return-fail', 'continue', 'continue-ok', 'continue-fail'] as const;

const action = choice(ACTIONS, 'action');
const path = restart(optional(pathTemplate), {
  default: '',
  words: 'File of a driver that has one; variables in it, for a file a domain, only with passwd-file.',
});
const engine = restart(choice(['sqlite'], 'engine'), {
  default: 'sqlite',
  words: 'Kind of database of the driver sql: sqlite is a foreign file, opened read-only.',
});

function results(of: { readonly success: string; readonly failure: string }) {
  return {
    result_success: restart(action, { default: 'return-ok', words: `What happens after ${of.success}.` }),
    result_failure: restart(action, { default: 'continue', words: `What happens after ${of.failure}.` }),
    result_internalfail: restart(action, {
      default: 'continue',
      words: 'What happens when the database cannot tell; nobody later finding the user is then no answer either.',
    }),
  };
}

export const passdb = {
  words:
    'A place that knows passwords. They are asked in the order of the file; without any, there is [passdb local]. A driver is given the keys it uses and no others.',
  settings: {
    driver: restart(choice(PASSDB_DRIVERS, 'driver'), {
      default: 'sqlite',
      words:
        'What it is: sqlite is the embedded database; passwd-file a file as Dovecot has it; sql a foreign database; static the same fields for everybody; deny a file of names that may not log in.',
    }),
    path,
    engine,
    password_query: restart(query(LOGIN_VARIABLES), {
      default: '',
      words: 'Query of the driver sql for one row with password and further fields; every variable is a parameter.',
    }),
    fields: restart(fields(LOGIN_VARIABLES), {
      default: '',
      words: 'What the driver static knows of everybody, the password too.',
    }),
    default_scheme: restart(optional(storedScheme), {
      default: '',
      words: 'Scheme of stored passwords that name none; empty is PLAIN for static and CRYPT for the others.',
    }),
    username_format: restart(lookupName(LOGIN_VARIABLES), {
      default: '%u',
      words: 'The name this database is asked for.',
    }),
    master: restart(yesNo, { default: 'no', words: 'Its users may log in as others: user*master, or by PLAIN.' }),
    deny: restart(yesNo, { default: 'no', words: 'Whoever is found here may not log in.' }),
    skip: restart(choice(['never', 'authenticated', 'unauthenticated']), {
      default: 'never',
      words: 'Leave it out once a passdb before has said yes (authenticated), or as long as none has.',
    }),
    mechanisms: restart(list(choice([...MECHANISMS, 'none'], 'mechanism')), {
      default: '',
      words: 'Mechanisms it is asked for, none for lookups without a login; empty is all.',
    }),
    username_filter: restart(list(namePattern), {
      default: '',
      words: 'Names it is asked for: patterns with * and ?, of which those with ! exclude.',
    }),
    ...results({ success: 'a right password', failure: 'an unknown user or a wrong password' }),
    default_fields: restart(fields(LOGIN_VARIABLES), {
      default: '',
      words: 'Fields that hold where the entry says nothing else.',
    }),
    override_fields: restart(fields(LOGIN_VARIABLES), {
      default: '',
      words: 'Fields that hold whatever the entry says.',
    }),
  },
} as const;

export const userdb = {
  words:
    'A place that knows accounts. They are asked in the order of the file; without any, there is [userdb local]. A driver is given the keys it uses and no others.',
  settings: {
    driver: restart(choice(USERDB_DRIVERS, 'driver'), {
      default: 'sqlite',
      words:
        'What it is: sqlite is the embedded database; passwd-file a file as Dovecot has it; sql a foreign database; static the same fields for everybody; prefetch the userdb_ fields of the passdb, at a login.',
    }),
    path,
    engine,
    user_query: restart(query(ACCOUNT_VARIABLES), {
      default: '',
      words: 'Query of the driver sql for one row of fields such as home, quota_rule; every variable is a parameter.',
    }),
    iterate_query: restart(query([]), {
      default: '',
      words: 'Query of the driver sql for all users: a column user, or username and domain.',
    }),
    domain_query: restart(query(['domain', 'domain_first', 'domain_last']), {
      default: '',
      words: 'Query of the driver sql that gives one row when %d is a domain of this database.',
    }),
    fields: restart(fields(ACCOUNT_VARIABLES), { default: '', words: 'What the driver static knows of everybody.' }),
    domains: restart(list(hostName), { default: '', words: 'Mail domains of the driver static.' }),
    allow_all_users: restart(yesNo, {
      default: 'no',
      words: 'Every name in its domains exists for the driver static; otherwise those a passdb knows.',
    }),
    username_format: restart(lookupName(ACCOUNT_VARIABLES), {
      default: '%u',
      words: 'The name this database is asked for.',
    }),
    skip: restart(choice(['never', 'found', 'notfound']), {
      default: 'never',
      words: 'Leave it out once a userdb before has found the user (found), or as long as none has.',
    }),
    ...results({ success: 'a user that exists', failure: 'an unknown user' }),
    default_fields: restart(fields(ACCOUNT_VARIABLES), {
      default: '',
      words: 'Fields that hold where the entry says nothing else.',
    }),
    override_fields: restart(fields(ACCOUNT_VARIABLES), {
      default: '',
      words: 'Fields that hold whatever the entry says.',
    }),
  },
} as const;
