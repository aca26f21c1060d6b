import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { formatAddress } from '../../../src/core/address.ts';
import { formatAutoconfig } from '../../../src/protocol/autoconfig-xml.ts';
import {
  formatAutodiscoverError,
  formatAutodiscoverSettings,
  parseAutodiscoverRequest,
} from '../../../src/protocol/autodiscover-xml.ts';
import type { ClientSettings } from '../../../src/protocol/client-settings.ts';
import { findText, parseXml } from '../../../src/protocol/xml.ts';

const settings: ClientSettings = {
  displayName: 'Example & Co',
  imap: { host: 'imap.example.com', port: 993, socketType: 'SSL' },
  smtp: { host: 'smtp.example.com', port: 587, socketType: 'STARTTLS' },
};

const OUTLOOK = 'http://schemas.microsoft.com/exchange/autodiscover/outlook/responseschema/2006a';
const MOBILE = 'http://schemas.microsoft.com/exchange/autodiscover/mobilesync/responseschema/2006';

function request(inner: string): string {
  return `<?xml version="1.0" encoding="utf-8"?><Autodiscover xmlns="http://schemas.microsoft.com/exchange/autodiscover/outlook/requestschema/2006"><Request>${inner}</Request></Autodiscover>`;
}

describe('formatAutoconfig()', () => {
  it('writes the subset of the format that every client reads, password-cleartext in it (RULES 46)', () => {
    assert.equal(
      formatAutoconfig('example.com', settings),
      `<?xml version="1.0" encoding="UTF-8"?>
<clientConfig version="1.1">
  <emailProvider id="example.com">
    <domain>example.com</domain>
    <displayName>Example &amp; Co</displayName>
    <displayShortName>Example &amp; Co</displayShortName>
    <incomingServer type="imap">
      <hostname>imap.example.com</hostname>
      <port>993</port>
      <socketType>SSL</socketType>
      <username>%EMAILADDRESS%</username>
      <authentication>password-cleartext</authentication>
    </incomingServer>
    <outgoingServer type="smtp">
      <hostname>smtp.example.com</hostname>
      <port>587</port>
      <socketType>STARTTLS</socketType>
      <username>%EMAILADDRESS%</username>
      <authentication>password-cleartext</authentication>
    </outgoingServer>
  </emailProvider>
</clientConfig>
`,
    );
  });
});

describe('formatAutodiscoverSettings()', () => {
  it('writes IMAP and SMTP, TLS always on, the login in full', () => {
    assert.equal(
      formatAutodiscoverSettings('o"b<&@example.com', settings),
      `<?xml version="1.0" encoding="UTF-8"?>
<Autodiscover xmlns="http://schemas.microsoft.com/exchange/autodiscover/responseschema/2006">
  <Response xmlns="${OUTLOOK}">
    <User>
      <DisplayName>o&quot;b&lt;&amp;@example.com</DisplayName>
    </User>
    <Account>
      <AccountType>email</AccountType>
      <Action>settings</Action>
      <Protocol>
        <Type>IMAP</Type>
        <Server>imap.example.com</Server>
        <Port>993</Port>
        <DomainRequired>off</DomainRequired>
        <LoginName>o&quot;b&lt;&amp;@example.com</LoginName>
        <SPA>off</SPA>
        <SSL>on</SSL>
        <Encryption>SSL</Encryption>
        <AuthRequired>on</AuthRequired>
      </Protocol>
      <Protocol>
        <Type>SMTP</Type>
        <Server>smtp.example.com</Server>
        <Port>587</Port>
        <DomainRequired>off</DomainRequired>
        <LoginName>o&quot;b&lt;&amp;@example.com</LoginName>
        <SPA>off</SPA>
        <SSL>on</SSL>
        <Encryption>TLS</Encryption>
        <AuthRequired>on</AuthRequired>
        <UsePOPAuth>off</UsePOPAuth>
        <SMTPLast>off</SMTPLast>
      </Protocol>
    </Account>
  </Response>
</Autodiscover>
`,
    );
  });
});

describe('formatAutodiscoverError()', () => {
  it('writes time, number, code and message', () => {
    const xml = formatAutodiscoverError('no-provider', { at: new Date('2026-11-23T01:02:03.456Z'), id: 7 });
    assert.match(xml, /<Error Time="01:02:03\.4560000" Id="7">/);
    const read = (name: string): string | undefined =>
      findText(parseXml(xml), ['Autodiscover', 'Response', 'Error', name]);
    assert.deepEqual([read('ErrorCode'), read('Message'), read('DebugData')], ['601', 'Provider is not available', '']);
    assert.match(formatAutodiscoverError('invalid', { at: new Date(0), id: 1 }), /<ErrorCode>600</);
  });
});

describe('parseAutodiscoverRequest()', () => {
  const joe = { kind: 'settings', address: { local: 'joe', domain: 'example.com' } };
  const cases: [string, string, unknown][] = [
    [
      'address, then schema',
      request(
        `<EMailAddress>joe@example.com</EMailAddress><AcceptableResponseSchema>${OUTLOOK}</AcceptableResponseSchema>`,
      ),
      joe,
    ],
    [
      'schema, then address',
      request(
        `<AcceptableResponseSchema>${OUTLOOK}</AcceptableResponseSchema><EMailAddress>joe@example.com</EMailAddress>`,
      ),
      joe,
    ],
    ['an extra LegacyDN', request(`<LegacyDN>/o=x</LegacyDN><EMailAddress>joe@example.com</EMailAddress>`), joe],
    ['no schema', request('<EMailAddress>joe@example.com</EMailAddress>'), joe],
    [
      'an ampersand in the address',
      request('<EMailAddress>j&e@example.com</EMailAddress>'),
      { kind: 'settings', address: { local: 'j&e', domain: 'example.com' } },
    ],
    [
      'ActiveSync',
      request(
        `<EMailAddress>joe@example.com</EMailAddress><AcceptableResponseSchema>${MOBILE}</AcceptableResponseSchema>`,
      ),
      { kind: 'no-provider' },
    ],
    ['no address', request(`<AcceptableResponseSchema>${OUTLOOK}</AcceptableResponseSchema>`), { kind: 'invalid' }],
    ['an address that is none', request('<EMailAddress>joe</EMailAddress>'), { kind: 'invalid' }],
    ['nothing', '', { kind: 'invalid' }],
    ['a document type', `<!DOCTYPE x>${request('<EMailAddress>joe@example.com</EMailAddress>')}`, { kind: 'invalid' }],
    ['another document', '<html><body/></html>', { kind: 'invalid' }],
  ];
  for (const [name, body, expected] of cases) {
    it(`reads a request with ${name}`, () => assert.deepEqual(parseAutodiscoverRequest(body), expected));
  }

  it('never throws, and what it reads is written well-formed and reads back', () => {
    const local = fc.string({ minLength: 1, maxLength: 20, unit: 'binary' });
    fc.assert(
      fc.property(local, (name) => {
        const escaped = name.replaceAll('&', '&amp;').replaceAll('<', '&lt;');
        const read = parseAutodiscoverRequest(request(`<EMailAddress>${escaped}@example.com</EMailAddress>`));
        parseAutodiscoverRequest(name);
        if (read.kind !== 'settings') return;
        const login = formatAddress(read.address);
        const document = parseXml(formatAutodiscoverSettings(login, settings));
        const shown = findText(document, ['Autodiscover', 'Response', 'User', 'DisplayName']);
        // Characters XML cannot hold are dropped; everything else is there.
        // oxlint-disable-next-line no-control-regex -- control characters are what was dropped
        assert.equal(shown, login.replaceAll(/[\u007F-\u009F\uFFFE\uFFFF]|\p{Cs}/gu, '').trim());
      }),
      { numRuns: 20_000 },
    );
  });
});
