import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import {
  delimiters,
  endpoint,
  fixedDirectory,
  home,
  location,
  network,
  quotaRule,
  replyCode,
  usernameFormat,
} from '../../../src/config/mail-readers.ts';
import { formatValue, readText, type Reader } from '../../../src/config/reader.ts';
import {
  choice,
  count,
  duration,
  hostName,
  list,
  mode,
  optional,
  path,
  size,
  userOrGroup,
  yesNo,
} from '../../../src/config/readers.ts';

/** A reader with texts it takes, the values they are and the one form they have, and texts it refuses. */
interface Case<T> {
  readonly name: string;
  readonly reader: Reader<T, string>;
  readonly takes: readonly (readonly [text: string, value: T, form: string])[];
  readonly refuses: readonly (readonly [text: string, reason: RegExp])[];
}

function describeReader<T>({ name, reader, takes, refuses }: Case<T>): void {
  describe(name, () => {
    for (const [text, value, form] of takes) {
      it(`reads ${JSON.stringify(text)} and writes ${JSON.stringify(form)}`, () => {
        assert.deepEqual(readText(reader, text), { kind: 'value', value });
        assert.equal(formatValue(reader, value), form);
        assert.deepEqual(readText(reader, form), { kind: 'value', value });
      });
    }
    for (const [text, reason] of refuses) {
      it(`refuses ${JSON.stringify(text.slice(0, 60))}`, () => {
        const reading = readText(reader, text);
        assert.equal(reading.kind, 'fault');
        assert.match(reading.reason, reason);
        assert.match(reading.reason, /^Cannot /);
      });
    }
  });
}

describeReader({
  name: 'duration()',
  reader: duration({ min: 1000, max: 60_000 }),
  takes: [
    ['1s', 1000, '1s'],
    ['60s', 60_000, '1m'],
    ['1500ms', 1500, '1500ms'],
  ],
  refuses: [
    ['0s', /less than 1s/],
    ['61s', /more than 1m/],
    ['5', /use a number and one of/],
    ['', /use a number/],
    ['-5s', /use a number/],
  ],
});

describeReader({
  name: 'size()',
  reader: size({ min: 1024, max: 1024 ** 3 }),
  takes: [
    ['1K', 1024, '1K'],
    ['2048', 2048, '2K'],
    ['1g', 1024 ** 3, '1G'],
  ],
  refuses: [
    ['1023', /less than 1K/],
    ['2G', /more than 1G/],
    ['much', /use a number/],
  ],
});

describeReader({
  name: 'count()',
  reader: count({ min: 1, max: 10 }),
  takes: [
    ['1', 1, '1'],
    ['010', 10, '10'],
  ],
  refuses: [
    ['0', /less than 1/],
    ['11', /more than 10/],
    ['1.5', /whole number/],
    ['0x1', /whole number/],
    ['99999999999999999999', /whole number/],
  ],
});

describeReader({
  name: 'yesNo',
  reader: yesNo,
  takes: [
    ['yes', true, 'yes'],
    ['no', false, 'no'],
  ],
  refuses: [
    ['true', /yes or no/],
    ['', /yes or no/],
  ],
});

describeReader({
  name: 'choice()',
  reader: choice(['SSL', 'STARTTLS'], 'socket type'),
  takes: [
    ['SSL', 'SSL', 'SSL'],
    ['starttls', 'STARTTLS', 'STARTTLS'],
  ],
  refuses: [
    ['STARTLS', /socket type "STARTLS": there are SSL, STARTTLS; did you mean "STARTTLS"\?/],
    ['plain', /there are SSL, STARTTLS$/],
  ],
});

describeReader({
  name: 'list()',
  reader: list(count({ min: 1, max: 10 }), { min: 1 }),
  takes: [
    ['1', [1], '1'],
    ['1 2,3 ,  4', [1, 2, 3, 4], '1, 2, 3, 4'],
  ],
  refuses: [
    ['', /empty list/],
    ['1,,2', /an item between commas is empty/],
    ['1,', /an item between commas is empty/],
    ['1 2 1', /"1" twice/],
    ['1 x', /whole number/],
  ],
});

describeReader<string | undefined>({
  name: 'optional()',
  reader: optional(path),
  takes: [
    ['', undefined, ''],
    ['/srv', '/srv', '/srv'],
  ],
  refuses: [['srv', /must be absolute/]],
});

describeReader({
  name: 'path',
  reader: path,
  takes: [
    ['/srv//vmail/', '/srv/vmail', '/srv/vmail'],
    ['/', '/', '/'],
    ['/a b', '/a b', '/a b'],
  ],
  refuses: [
    ['', /must be absolute/],
    ['~/x', /must be absolute/],
  ],
});

describeReader({
  name: 'hostName',
  reader: hostName,
  takes: [
    ['Mail.Example.COM.', 'mail.example.com', 'mail.example.com'],
    ['bücher.example', 'xn--bcher-kva.example', 'xn--bcher-kva.example'],
  ],
  refuses: [
    ['', /no host name/],
    ['a/b', /no host name/],
    ['-a', /no host name/],
  ],
});

describeReader({
  name: 'mode',
  reader: mode,
  takes: [
    ['0660', 0o660, '0660'],
    ['600', 0o600, '0600'],
  ],
  refuses: [
    ['4755', /octal/],
    ['0x1b0', /octal/],
    ['rw-rw----', /octal/],
  ],
});

describeReader({
  name: 'userOrGroup',
  reader: userOrGroup,
  takes: [
    ['vmail', 'vmail', 'vmail'],
    ['5000', '5000', '5000'],
  ],
  refuses: [
    ['', /name or number/],
    ['a b', /name or number/],
  ],
});

describeReader({
  name: 'endpoint',
  reader: endpoint,
  takes: [
    ['unix:/run/postern//auth', { kind: 'unix', path: '/run/postern/auth' }, 'unix:/run/postern/auth'],
    [`unix:/${'x'.repeat(100)}`, { kind: 'unix', path: `/${'x'.repeat(100)}` }, `unix:/${'x'.repeat(100)}`],
    ['inet:127.0.0.1:24', { kind: 'inet', host: '127.0.0.1', port: 24 }, 'inet:127.0.0.1:24'],
    ['inet:[::1]:24', { kind: 'inet', host: '::1', port: 24 }, 'inet:[::1]:24'],
    ['inet:localhost:24', { kind: 'inet', host: 'localhost', port: 24 }, 'inet:localhost:24'],
  ],
  refuses: [
    [`unix:/${'x'.repeat(101)}`, /102 bytes: at most 101 can be used/],
    [`unix:/${'ü'.repeat(54)}`, /109 bytes/],
    ['unix:run/auth', /must be absolute/],
    ['unix:/run/', /ends with a slash/],
    ['unix:', /must be absolute/],
    ['/run/auth', /write unix:PATH or inet:HOST:PORT/],
    ['inet:127.0.0.1', /write unix:PATH/],
    ['inet:127.0.0.1:', /port ""/],
    ['inet:127.0.0.1:0', /port "0"/],
    ['inet:127.0.0.1:smtp', /port "smtp"/],
    ['inet:[::g]:1', /no IPv6 address/],
    ['inet:[127.0.0.1]:1', /no IPv6 address/],
    ['inet:1.2.3:1', /no IPv4 address/],
    ['inet::1', /0\.0\.0\.0 or \[::\]/],
  ],
});

describeReader({
  name: 'network',
  reader: network,
  takes: [
    ['192.0.2.0/24', '192.0.2.0/24', '192.0.2.0/24'],
    ['192.0.2.1', '192.0.2.1/32', '192.0.2.1/32'],
    ['2001:db8::/32', '2001:db8::/32', '2001:db8::/32'],
    ['[2001:db8::]/32', '2001:db8::/32', '2001:db8::/32'],
    ['::1', '::1/128', '::1/128'],
  ],
  refuses: [
    ['192.0.2.0/33', /write it as/],
    ['192.0.2/24', /write it as/],
    ['example.com', /write it as/],
    ['2001:db8::/129', /write it as/],
  ],
});

describeReader({
  name: 'usernameFormat',
  reader: usernameFormat,
  takes: [
    ['%Lu', '%Lu', '%Lu'],
    ['%n@%{domain}', '%n@%{domain}', '%n@%{domain}'],
  ],
  refuses: [
    ['bob', /every login would be the same/],
    ['%d', /every login would be the same/],
    ['%%u', /every login would be the same/],
    ['%h%u', /variable "%{home}"/],
    ['%u%', /variable "%"/],
  ],
});

describeReader({
  name: 'home',
  reader: home,
  takes: [['/srv/vmail/%Ld/%Ln', '/srv/vmail/%Ld/%Ln', '/srv/vmail/%Ld/%Ln']],
  refuses: [
    ['%d/%n', /must be absolute/],
    ['/srv/%d', /share one home/],
    ['/srv/100%%n', /share one home/],
    ['/srv/../%n', /".."/],
    ['/srv/%x', /variable "%x"/],
  ],
});

describeReader({
  name: 'location (RULES 12: options are left to mail/)',
  reader: location,
  takes: [
    ['maildir:~/Maildir', 'maildir:~/Maildir', 'maildir:~/Maildir'],
    ['maildir:%h/Mail:INBOX=~/in', 'maildir:%h/Mail:INBOX=~/in', 'maildir:%h/Mail:INBOX=~/in'],
    ['maildir:/var/vmail/%u', 'maildir:/var/vmail/%u', 'maildir:/var/vmail/%u'],
  ],
  refuses: [
    ['mbox:~/mail', /write maildir:/],
    ['auto:', /write maildir:/],
    ['maildir:Maildir', /begins with ~\/ or \//],
    ['maildir:', /write maildir:/],
    ['maildir:/srv/%d/all:INDEX=/x/%u', /share one mailbox/],
    ['maildir:~/%q', /variable "%q"/],
  ],
});

describeReader({
  name: 'delimiters',
  reader: delimiters,
  takes: [
    ['', '', ''],
    ['+-', '+-', '+-'],
  ],
  refuses: [
    ['@', /none of/],
    ['+ ', /none of/],
    ['.', /none of/],
    ['123456789', /a few characters/],
  ],
});

describeReader({
  name: 'quotaRule (RULES 44)',
  reader: quotaRule,
  takes: [
    ['', undefined, ''],
    ['*:storage=1G', { kind: 'root', mask: '*', storageBytes: 1024 ** 3 }, '*:storage=1G'],
    [
      '*:storage=10:messages=1K',
      { kind: 'root', mask: '*', storageBytes: 10_240, messages: 1024 },
      '*:storage=10K:messages=1024',
    ],
    [
      'Trash:storage=10%%',
      { kind: 'mailbox', mask: 'Trash', storage: { by: 'percent', value: 10 } },
      'Trash:storage=+10%',
    ],
    ['Spam:ignore', { kind: 'ignore', mask: 'Spam' }, 'Spam:ignore'],
  ],
  refuses: [
    ['*', /no limit given/],
    ['*:storage=10%', /share of itself/],
  ],
});

describeReader<number>({
  name: 'replyCode()',
  reader: replyCode([552, 452]),
  takes: [['452', 452, '452']],
  refuses: [['0452', /there are 552, 452/]],
});

describe('fixedDirectory()', () => {
  for (const [template, expected] of [
    ['/var/vmail/%Ld/%Ln', '/var/vmail'],
    ['/srv/mail-%d/%n', '/srv'],
    ['/%d/%n', '/'],
    ['/srv/vmail/', '/srv/vmail'],
    ['', '/'],
  ] as const) {
    it(`gives ${expected} for ${template}`, () => assert.equal(fixedDirectory(template), expected));
  }
});
