/** What is allowed and yet worth a second look; `postern check` prints it. None of it keeps Postern from starting. */
import type { Config, PassdbConfig } from './config.ts';
import { tellsDomainsApart } from './mail-readers.ts';

const SERVICES = ['sasl', 'policy', 'lmtp', 'lookup', 'http'] as const;

/** Actions that make a login good, whatever came before them. */
const OPEN_DOORS: ReadonlySet<string> = new Set(['return-ok', 'continue-ok']);

/** What a challenge mechanism can be proved with; the others take any stored password. */
const STORED_FOR: ReadonlyMap<string, readonly string[]> = new Map(
  ['CRAM-MD5', 'DIGEST-MD5', 'SCRAM-SHA-1', 'SCRAM-SHA-256'].map((scheme) => [scheme.toLowerCase(), ['PLAIN', scheme]]),
);

/** Sentences about a configuration that is good; empty when there is nothing to say. */
export function noteConfig(config: Config): string[] {
  const notes = SERVICES.filter((name) => config[name].listen.length === 0).map(
    (name) => `[${name}] listens nowhere: the service is off`,
  );
  notes.push(...noteDatabases(config));
  const { auth, mail } = config;
  if (!tellsDomainsApart(mail.home)) {
    notes.push('[mail] home has no %d: accounts of the same name in two domains share one mailbox');
  }
  if (!auth.disablePlaintextAuth) {
    notes.push('[auth] disable_plaintext_auth = no: passwords may cross the network in clear text');
  }
  if (auth.trustedNetworks.some((network) => network.endsWith('/0'))) {
    notes.push('[auth] trusted_networks holds every address: passwords may cross the network in clear text');
  }
  if (auth.mechanisms.includes('external')) {
    notes.push('[auth] mechanisms has external: Postfix tells no certificate, so every such login through it fails');
  }
  if (auth.mechanisms.includes('anonymous')) {
    notes.push('[auth] mechanisms has anonymous: anybody can log in, and may send nothing');
  }
  if (mail.ldaMailboxAutocreate && mail.saveToDetailMailbox) {
    notes.push('[mail] lda_mailbox_autocreate = yes: strangers can create mailboxes by writing to user+detail');
  }
  return notes;
}

function noteDatabases({ auth, passdbs, userdbs }: Config): string[] {
  const notes: string[] = [];
  const ordinary = passdbs.filter(({ rules }) => !rules.isMaster && !rules.isDeny);
  for (const mechanism of auth.mechanisms) {
    // Nobody is looked up for an anonymous login.
    if (mechanism === 'anonymous') continue;
    const serving = ordinary.filter(
      ({ rules }) => rules.mechanisms.length === 0 || rules.mechanisms.includes(mechanism),
    );
    if (serving.length === 0) {
      notes.push(`[auth] mechanisms has ${mechanism}, which no passdb serves: every such login fails`);
      continue;
    }
    const stored = STORED_FOR.get(mechanism);
    if (
      stored !== undefined &&
      !stored.includes(auth.defaultScheme) &&
      serving.every(({ driver }) => driver === 'sqlite')
    )
      notes.push(
        `[auth] mechanisms has ${mechanism}, which a password of default_scheme ${auth.defaultScheme} cannot serve: ` +
          `it has to be stored as ${stored.join(' or ')}`,
      );
  }
  return [...notes, ...ordinary.flatMap(noteOpenDoors), ...noteUserdbs(userdbs)];
}

function noteUserdbs(userdbs: Config['userdbs']): string[] {
  const notes: string[] = [];
  const last = userdbs.at(-1);
  if (last?.driver === 'prefetch') {
    notes.push(
      `[userdb ${last.name}] is the last userdb and prefetch: mail and lookups without a login find nobody there`,
    );
  }
  for (const db of userdbs) {
    if (db.driver === 'static' && db.domains.length === 0) {
      notes.push(`[userdb ${db.name}] names no domains: mail comes only for those that another userdb knows`);
    }
    if (db.driver === 'sql' && db.domainQuery === '' && db.iterateQuery === '') {
      notes.push(`[userdb ${db.name}] has neither domain_query nor iterate_query: it knows no domain of its own`);
    }
    if (db.driver === 'sql' && db.iterateQuery === '') {
      notes.push(`[userdb ${db.name}] has no iterate_query: its users cannot be listed, nor an empty table be told`);
    }
  }
  return notes;
}

/** Dovecot takes these rules at their word, and so do we: a login then needs no password. */
function noteOpenDoors({ name, rules }: PassdbConfig): string[] {
  const { resultFailure, resultInternalfail } = rules;
  const notes: string[] = [];
  if (OPEN_DOORS.has(resultFailure)) {
    notes.push(`[passdb ${name}] result_failure = ${resultFailure}: a wrong password and an unknown user are let in`);
  }
  if (OPEN_DOORS.has(resultInternalfail)) {
    notes.push(`[passdb ${name}] result_internalfail = ${resultInternalfail}: everybody is let in while it is down`);
  }
  return notes;
}
