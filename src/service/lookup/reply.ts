/**
 * The words of the lookup service: what a table said in, a socketmap reply out. "Could not tell" is TEMP with one
 * fixed reason; Postfix shows it in its log, never to a client.
 */
import type { Lookup } from '../../core/outcome.ts';
import { formatSocketmapReply } from '../../protocol/socketmap.ts';

const TEMP_REASON = 'Temporary lookup failure, try again later';

/** The reply to "could not tell", whatever the reason: an outage, overload, a fault, a table that does not exist. */
export const TEMP_REPLY: string = formatSocketmapReply({ kind: 'temp', reason: TEMP_REASON });

/** Formats what a table said. Throws RangeError for data that Postfix could not read. */
export function formatLookup(outcome: Lookup<string>): string {
  switch (outcome.kind) {
    case 'found':
      return formatSocketmapReply({ kind: 'ok', data: outcome.value });
    case 'absent':
      return formatSocketmapReply({ kind: 'notfound' });
    case 'unavailable':
      return TEMP_REPLY;
  }
}
