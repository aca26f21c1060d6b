import assert from 'node:assert/strict';
import { test } from 'node:test';
import { buildMainCf, formatMainCf } from '../../../src/cli/postfix-main-cf.ts';
import { buildMasterCf, formatMasterCf } from '../../../src/cli/postfix-master-cf.ts';
import type { PostfixWiring } from '../../../src/cli/postfix-wiring.ts';
import type { Endpoint } from '../../../src/core/endpoint.ts';

const queueDirectory = '/var/spool/postfix';

function unix(name: string): Endpoint {
  return { kind: 'unix', path: `${queueDirectory}/postern/${name}` };
}

function wiring(changes: Partial<PostfixWiring> = {}): PostfixWiring {
  return {
    queueDirectory,
    saslSocket: unix('auth'),
    policySocket: unix('policy'),
    lmtpSocket: unix('lmtp'),
    lookupSocket: unix('lookup'),
    domains: ['example.test', 'example.net'],
    domainsFrom: 'static',
    domainClass: 'virtual',
    isVerifying: false,
    recipientDelimiter: '+-',
    maxMessageBytes: 10 * 1024 * 1024,
    ...changes,
  };
}

function main(changes: Partial<PostfixWiring> = {}): Map<string, string> {
  const entries = buildMainCf(wiring(changes)).map(
    ({ name, value }) => [name, typeof value === 'string' ? value : value.join(', ')] as const,
  );
  const values = new Map(entries);
  assert.equal(values.size, entries.length, 'a parameter is set twice');
  return values;
}

test('buildMainCf() names sockets below the queue directory relative to it', () => {
  const values = main();
  assert.equal(values.get('smtpd_sasl_path'), 'postern/auth');
  assert.equal(values.get('virtual_transport'), 'lmtp:unix:postern/lmtp');
  assert.equal(values.get('postern_lookup'), 'socketmap:unix:postern/lookup');
  assert.match(values.get('smtpd_recipient_restrictions') ?? '', /check_policy_service \{ unix:postern\/policy, /);
  assert.ok(buildMasterCf(wiring()).every((service) => service.isChrooted));
});

test('buildMasterCf() runs unchrooted and says so when a socket lies outside of the queue directory', () => {
  const outside = wiring({ saslSocket: { kind: 'unix', path: '/run/postern/auth' } });
  assert.equal(main(outside).get('smtpd_sasl_path'), '/run/postern/auth');
  assert.ok(buildMasterCf(outside).every((service) => !service.isChrooted));
  assert.match(formatMasterCf(outside), /\/run\/postern\/auth cannot be reached from a chroot/);
  assert.match(formatMasterCf(outside), /^submission +inet +n +- +n +- +- +smtpd$/m);
});

test('buildMainCf() does not take a sibling directory for the queue directory', () => {
  const sibling: Endpoint = { kind: 'unix', path: '/var/spool/postfix2/auth' };
  assert.equal(main({ saslSocket: sibling }).get('smtpd_sasl_path'), '/var/spool/postfix2/auth');
});

test('buildMainCf() names TCP sockets, IPv6 too, without a chroot problem', () => {
  const socket: Endpoint = { kind: 'inet', host: '::1', port: 2400 };
  const changes = { saslSocket: socket, policySocket: socket, lmtpSocket: socket, lookupSocket: socket };
  const values = main(changes);
  assert.equal(values.get('smtpd_sasl_path'), 'inet:[::1]:2400');
  assert.equal(values.get('virtual_transport'), 'lmtp:inet:[ipv6:::1]:2400');
  assert.equal(values.get('postern_lookup'), 'socketmap:inet:[::1]:2400');
  assert.equal(
    main({ lmtpSocket: { kind: 'inet', host: '127.0.0.1', port: 24 } }).get('virtual_transport'),
    'lmtp:inet:[127.0.0.1]:24',
  );
  assert.ok(buildMasterCf(wiring(changes)).every((service) => service.isChrooted));
});

test('RULES 27: the policy service being out lets mail in and defers submission, at RCPT and at END-OF-MESSAGE', () => {
  const values = main();
  for (const name of ['smtpd_recipient_restrictions', 'smtpd_end_of_data_restrictions']) {
    assert.match(values.get(name) ?? '', /\{ [^{}]+, default_action=DUNNO, policy_context=incoming \}/);
  }
  for (const name of ['mua_recipient_restrictions', 'mua_end_of_data_restrictions']) {
    assert.match(
      values.get(name) ?? '',
      /, \{ default_action = 451 4\.3\.5 try again later \}, policy_context=submission \}/,
    );
  }
});

test('RULES 28: domains are a static list by default, with both forms of an IDNA domain', () => {
  assert.equal(
    main({ domains: ['example.test', 'xn--bcher-kva.example'] }).get('virtual_mailbox_domains'),
    'example.test, xn--bcher-kva.example, bücher.example',
  );
  assert.equal(main({ domainsFrom: 'socketmap' }).get('virtual_mailbox_domains'), '${postern_lookup}:domain');
  assert.equal(main({ domains: [] }).get('virtual_mailbox_domains'), '');
});

test('RULES 29: the relay class uses the relay parameters and empties the virtual ones', () => {
  const values = main({ domainClass: 'relay' });
  assert.equal(values.get('relay_domains'), 'example.test, example.net');
  assert.equal(values.get('relay_transport'), 'lmtp:unix:postern/lmtp');
  assert.equal(values.get('relay_recipient_maps'), '${postern_lookup}:recipient');
  assert.equal(values.get('virtual_mailbox_domains'), '');
  assert.equal(values.get('virtual_transport'), undefined);
  assert.equal(values.get('lmtp_send_xforward_command'), 'yes');
  assert.equal(main().get('lmtp_send_xforward_command'), 'yes');
  assert.equal(main().get('relay_domains'), '');
});

test('buildMainCf() sets virtual_alias_domains explicitly empty, whatever the class', () => {
  for (const domainClass of ['virtual', 'relay'] as const) {
    assert.equal(main({ domainClass }).get('virtual_alias_domains'), '');
  }
});

test('buildMainCf() keeps message_size_limit below what LMTP takes', () => {
  for (const maxMessageBytes of [1000, 100_000, 10 * 1024 * 1024, 2 ** 31]) {
    const limit = Number(main({ maxMessageBytes }).get('message_size_limit'));
    assert.ok(limit > 0 && limit < maxMessageBytes, `${limit} for ${maxMessageBytes}`);
  }
  assert.equal(main().get('mailbox_size_limit'), undefined);
  assert.equal(main({ maxMessageBytes: 100 * 1024 * 1024 }).get('mailbox_size_limit'), '0');
});

test('buildMainCf() offers SASL on the submission services alone', () => {
  assert.equal(main().get('smtpd_sasl_auth_enable'), 'no');
  assert.equal(main().get('smtpd_tls_auth_only'), 'yes');
  assert.equal(main().get('smtpd_sasl_security_options'), 'noanonymous');
  assert.equal(main().get('smtpd_sender_login_maps'), undefined);
  for (const { overrides } of buildMasterCf(wiring())) {
    const values = new Map(overrides);
    assert.equal(values.get('smtpd_sasl_auth_enable'), 'yes');
    assert.equal(values.get('smtpd_sender_login_maps'), '$mua_sender_login_maps');
    assert.equal(values.get('smtpd_relay_restrictions'), 'permit_sasl_authenticated,reject');
    // master(5) takes no blanks in -o name=value.
    assert.ok(overrides.every(([, value]) => !/\s/.test(value)));
  }
});

test('buildMainCf() verifies recipients by probes when asked, only for our domains and last', () => {
  const values = main({ isVerifying: true });
  assert.match(
    values.get('smtpd_recipient_restrictions') ?? '',
    /permit_mynetworks, reject_unauth_destination, reject_unverified_recipient$/,
  );
  assert.equal(values.get('unverified_recipient_reject_code'), '550');
  assert.equal(values.get('virtual_mailbox_maps'), '');
  assert.equal(values.get('virtual_alias_maps'), '${postern_lookup}:alias');
  assert.equal(main().get('unverified_recipient_reject_code'), undefined);
});

test('formatMainCf() carries the probe variant as a comment unless it is turned on', () => {
  assert.match(formatMainCf(wiring()), /^# +reject_unverified_recipient$/m);
  assert.doesNotMatch(formatMainCf(wiring()), /^[^#]*reject_unverified_recipient/m);
  assert.match(formatMainCf(wiring({ isVerifying: true })), /^ +reject_unverified_recipient$/m);
});

test('buildMainCf() leaves out what a service that is off would need', () => {
  const off = { saslSocket: undefined, policySocket: undefined, lookupSocket: undefined, lmtpSocket: undefined };
  assert.doesNotMatch(formatMainCf(wiring(off)), /^[^#]*(check_policy_service|smtpd_sasl|postern_lookup|lmtp:|mua_)/m);
  assert.deepEqual(buildMasterCf(wiring(off)), []);
  const noLookup = wiring({ lookupSocket: undefined });
  assert.doesNotMatch(
    formatMainCf(noLookup) + formatMasterCf(noLookup),
    /postern_lookup|login_mismatch|sender_login_maps/,
  );
});

test('formatMainCf() and formatMasterCf() write lines that a script can append', () => {
  const text = formatMainCf(wiring()) + formatMasterCf(wiring());
  assert.match(text, /^# main\.cf\n/);
  assert.match(text, /^# master\.cf$/m);
  for (const line of text.split('\n')) {
    assert.match(line, /^($|#|[a-z_]+ =|\s+\S|submissions? +inet )/);
    if (line.startsWith('#') && !line.startsWith('#  ')) assert.ok(line.length <= 100, line);
  }
});

test('buildMainCf() probes recipients when the lookup service is off, so that unknown ones are still refused', () => {
  const values = main({ lookupSocket: undefined });
  assert.match(values.get('smtpd_recipient_restrictions') ?? '', /reject_unverified_recipient$/);
  assert.equal(values.get('virtual_mailbox_maps'), '');
});
