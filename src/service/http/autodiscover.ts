/**
 * Microsoft's autodiscovery: POST of `/autodiscover/autodiscover.xml`, in any case. Errors of the format are answers
 * with status 200; a domain that is not ours is 404, which lets Thunderbird go on. Nobody is looked up but the
 * domain, so nothing tells who exists.
 */
import { formatAddress } from '../../core/address.ts';
import type { Clock } from '../../core/clock.ts';
import {
  formatAutodiscoverError,
  formatAutodiscoverSettings,
  parseAutodiscoverRequest,
} from '../../protocol/autodiscover-xml.ts';
import { makeSettings, type ClientHelp } from './autoconfig.ts';
import type { HttpOutcome } from './reply.ts';

export const AUTODISCOVER_PATH = '/autodiscover/autodiscover.xml';

/** Answers a request; `id` is repeated in an error, so that the log line can be found. */
export async function answerAutodiscover(
  help: ClientHelp & { readonly clock: Clock },
  { body, id }: { readonly body: string; readonly id: number },
): Promise<HttpOutcome> {
  const request = parseAutodiscoverRequest(body);
  if (request.kind !== 'settings') {
    return { kind: 'xml', body: formatAutodiscoverError(request.kind, { at: new Date(help.clock.now()), id }) };
  }
  const { address } = request;
  const domain = await help.directory.findDomain(address.domain);
  if (domain.kind !== 'found') return { kind: domain.kind };
  const settings = makeSettings(help, address.domain);
  return { kind: 'xml', body: formatAutodiscoverSettings(formatAddress(address), settings) };
}
