/**
 * Which of our domains a mail client asks about. First the domain of the address it names, if that is ours; then the
 * host name it asked, without the name it put before the domain. The two may differ: a client that follows an MX
 * record asks the provider's host about a customer's address (facts/autoconfig.md A1.4, F).
 */
import { parseAddress, parseDomain } from '../../core/address.ts';
import { ABSENT, found, type Lookup } from '../../core/outcome.ts';
import type { Directory } from '../../directory/directory.ts';

/** What the http service asks of the directory. Only domains: it never learns, so never tells, who exists. */
export type DomainDirectory = Pick<Directory, 'findDomain'>;

const HOST_PREFIX = /^(?:autoconfig|autodiscover|ua-auto-config)\./;

/** Finds the domain of ours meant by an address and a Host header; either may be missing or nonsense. */
export async function findAskedDomain(
  directory: DomainDirectory,
  asked: { readonly address: string | undefined; readonly host: string | undefined },
): Promise<Lookup<string>> {
  for (const name of listDomains(asked)) {
    const domain = await directory.findDomain(name);
    if (domain.kind === 'unavailable') return domain;
    if (domain.kind === 'found') return found(name);
  }
  return ABSENT;
}

function listDomains({ address, host }: { address: string | undefined; host: string | undefined }): Set<string> {
  const names = new Set<string>();
  // FairEmail sends a raw `+`, which form decoding makes a blank: harmless, since only the domain is wanted.
  const ofAddress = parseAddress(address?.trim() ?? '')?.domain;
  if (ofAddress !== undefined) names.add(ofAddress);
  const ofHost = host === undefined ? undefined : readHost(host);
  if (ofHost === undefined) return names;
  // A domain may itself be called autoconfig.something.
  return names.add(ofHost.replace(HOST_PREFIX, '')).add(ofHost);
}

/** The name in a Host header, which may carry a port, a trailing dot, and U-labels as UTF-8 bytes. */
function readHost(header: string): string | undefined {
  const text = Buffer.from(header, 'latin1').toString('utf8');
  return parseDomain(text.trim().replace(/:\d{0,5}$/, ''));
}
