/**
 * Microsoft's "plain old XML" autodiscovery: the request of a mail client, and the IMAP and SMTP settings or the error
 * that answer it. [MS-OXDSCLI]; facts/autoconfig.md B2, B3. An error is an ordinary answer here (HTTP 200).
 */
import { parseAddress, type Address } from '../core/address.ts';
import { ProtocolError } from '../core/errors.ts';
import type { ClientSettings, ServerSettings } from './client-settings.ts';
import { findText, formatXml, parseXml, type XmlElement } from './xml.ts';

/** A client may send so much; a real request has half a kilobyte. */
export const MAX_AUTODISCOVER_REQUEST_BYTES = 64 * 1024;

const RESPONSE_NAMESPACE = 'http://schemas.microsoft.com/exchange/autodiscover/responseschema/2006';
const SETTINGS_NAMESPACE = 'http://schemas.microsoft.com/exchange/autodiscover/outlook/responseschema/2006a';

export type AutodiscoverRequest =
  | { readonly kind: 'settings'; readonly address: Address }
  /** No request that could be read, or no address in it. */
  | { readonly kind: 'invalid' }
  /** Asks for a form of answer that we do not give (ActiveSync and others). */
  | { readonly kind: 'no-provider' };

/** The errors we give, with the words of [MS-OXDSCLI]. */
export type AutodiscoverError = Exclude<AutodiscoverRequest['kind'], 'settings'>;

const ERRORS: Readonly<Record<AutodiscoverError, { readonly code: string; readonly message: string }>> = {
  invalid: { code: '600', message: 'Invalid Request' },
  'no-provider': { code: '601', message: 'Provider is not available' },
};

/** Parses the body of a request; never throws. */
export function parseAutodiscoverRequest(body: string): AutodiscoverRequest {
  let document: unknown;
  try {
    document = parseXml(body);
  } catch (error) {
    if (error instanceof ProtocolError) return { kind: 'invalid' };
    throw error;
  }
  const read = (name: string): string | undefined => findText(document, ['Autodiscover', 'Request', name]);
  const address = parseAddress(read('EMailAddress') ?? '');
  if (address === undefined) return { kind: 'invalid' };
  const schema = read('AcceptableResponseSchema') ?? '';
  return schema === '' || schema === SETTINGS_NAMESPACE ? { kind: 'settings', address } : { kind: 'no-provider' };
}

/** Formats the settings for a login. There are no placeholders in this format, so `login` is written out. */
export function formatAutodiscoverSettings(login: string, settings: ClientSettings): string {
  return formatResponse({
    '@xmlns': SETTINGS_NAMESPACE,
    // The address and never a real name: that would tell who exists.
    User: { DisplayName: login },
    Account: {
      AccountType: 'email',
      Action: 'settings',
      Protocol: [
        formatProtocol('IMAP', login, settings.imap),
        { ...formatProtocol('SMTP', login, settings.smtp), UsePOPAuth: 'off', SMTPLast: 'off' },
      ],
    },
  });
}

/** Formats an error; `id` is any number that helps to find it in the log. */
export function formatAutodiscoverError(error: AutodiscoverError, { at, id }: { at: Date; id: number }): string {
  const { code, message } = ERRORS[error];
  return formatResponse({
    Error: {
      // HH:MM:SS.fffffff
      '@Time': `${at.toISOString().slice(11, 23)}0000`,
      '@Id': String(id),
      ErrorCode: code,
      Message: message,
      DebugData: '',
    },
  });
}

function formatResponse(response: XmlElement): string {
  return formatXml({ Autodiscover: { '@xmlns': RESPONSE_NAMESPACE, Response: response } });
}

/** Every field is written out: an absent SPA means on, and `SSL` off means no TLS at all to some (facts 0.10, 0.11). */
function formatProtocol(type: string, login: string, server: ServerSettings): XmlElement {
  return {
    Type: type,
    Server: server.host,
    Port: String(server.port),
    DomainRequired: 'off',
    LoginName: login,
    SPA: 'off',
    SSL: 'on',
    Encryption: server.socketType === 'SSL' ? 'SSL' : 'TLS',
    AuthRequired: 'on',
  };
}
