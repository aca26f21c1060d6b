/**
 * Mozilla's client configuration (`config-v1.1.xml`), in the subset that all its readers accept: no name space, one
 * provider, one server of each kind, this order of elements, and no white space inside an element. The user is always
 * a placeholder, so the bytes tell nothing about who exists. facts/autoconfig.md A3, E.
 */
import type { ClientSettings, ServerSettings } from './client-settings.ts';
import { formatXml, type XmlElement } from './xml.ts';

/** Filled in by the client. The one form every client understands (facts/autoconfig.md E, FairEmail). */
const USER_PLACEHOLDER = '%EMAILADDRESS%';

/** Formats the configuration of the accounts in `domain`. */
export function formatAutoconfig(domain: string, settings: ClientSettings): string {
  return formatXml({
    clientConfig: {
      '@version': '1.1',
      emailProvider: {
        '@id': domain,
        domain,
        displayName: settings.displayName,
        displayShortName: settings.displayName,
        incomingServer: formatServer('imap', settings.imap),
        outgoingServer: formatServer('smtp', settings.smtp),
      },
    },
  });
}

function formatServer(type: string, server: ServerSettings): XmlElement {
  return {
    '@type': type,
    hostname: server.host,
    port: String(server.port),
    socketType: server.socketType,
    username: USER_PLACEHOLDER,
    // RULES 46: over TLS; anything else only when every account could serve it.
    authentication: 'password-cleartext',
  };
}
