/** What is allowed and yet worth a second look; `postern check` prints it. None of it keeps Postern from starting. */
import type { Config } from './config.ts';
import { tellsDomainsApart } from './mail-readers.ts';

const SERVICES = ['sasl', 'policy', 'lmtp', 'lookup', 'http'] as const;

/** Sentences about a configuration that is good; empty when there is nothing to say. */
export function noteConfig(config: Config): string[] {
  const notes = SERVICES.filter((name) => config[name].listen.length === 0).map(
    (name) => `[${name}] listens nowhere: the service is off`,
  );
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
  if (mail.ldaMailboxAutocreate && mail.saveToDetailMailbox) {
    notes.push('[mail] lda_mailbox_autocreate = yes: strangers can create mailboxes by writing to user+detail');
  }
  return notes;
}
