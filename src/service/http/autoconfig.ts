/**
 * Mozilla's autoconfiguration: GET of `/mail/config-v1.1.xml` and its well-known twin. The answer depends on the
 * domain alone, so it is the same, byte for byte, for those who exist and those who do not.
 */
import { formatAutoconfig } from '../../protocol/autoconfig-xml.ts';
import type { ClientSettings } from '../../protocol/client-settings.ts';
import { findAskedDomain, type DomainDirectory } from './find-domain.ts';
import type { HttpOutcome } from './reply.ts';

export const AUTOCONFIG_PATHS = ['/mail/config-v1.1.xml', '/.well-known/autoconfig/mail/config-v1.1.xml'] as const;

/** What the answer is made of. */
export interface ClientHelp {
  readonly directory: DomainDirectory;
  readonly imap: ClientSettings['imap'];
  readonly smtp: ClientSettings['smtp'];
  /** Name of the provider; empty shows the domain. */
  readonly displayName: string;
}

/** Answers a request for the configuration; `query` is what stands after the question mark. */
export async function answerAutoconfig(
  help: ClientHelp,
  { query, host }: { readonly query: string; readonly host: string | undefined },
): Promise<HttpOutcome> {
  const address = new URLSearchParams(query).get('emailaddress') ?? undefined;
  const domain = await findAskedDomain(help.directory, { address, host });
  if (domain.kind !== 'found') return { kind: domain.kind };
  return { kind: 'xml', body: formatAutoconfig(domain.value, makeSettings(help, domain.value)) };
}

/** The settings of the accounts in `domain`. */
export function makeSettings(help: ClientHelp, domain: string): ClientSettings {
  const { imap, smtp, displayName } = help;
  return { imap, smtp, displayName: displayName === '' ? domain : displayName };
}
