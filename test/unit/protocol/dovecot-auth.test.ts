import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { ProtocolError } from '../../../src/core/errors.ts';
import {
  escapeValue,
  formatCont,
  formatFail,
  formatHandshake,
  formatOk,
  MAX_LINE_BYTES,
  parseCommand,
  readInitialResponse,
  takeLine,
  unescapeValue,
  type ClientCommand,
} from '../../../src/protocol/dovecot-auth.ts';

/** Every line that can be taken off, as a reader of a stream would. */
function takeAll(chunks: readonly Buffer[]): string[] {
  const lines: string[] = [];
  let bytes = Buffer.alloc(0);
  for (const chunk of chunks) {
    bytes = Buffer.concat([bytes, chunk]);
    for (let taken = takeLine(bytes); taken !== undefined; taken = takeLine(bytes)) {
      lines.push(taken.value);
      bytes = Buffer.from(taken.rest);
    }
  }
  return lines;
}

describe('takeLine()', () => {
  it('gives the same lines however the bytes are split', () => {
    const line = fc.string({ unit: 'binary', maxLength: 30 }).map((s) => s.replaceAll(/[\r\n]/g, ''));
    fc.assert(
      fc.property(fc.array(line, { maxLength: 6 }), fc.array(fc.nat(400), { maxLength: 12 }), (lines, cuts) => {
        const bytes = Buffer.from(lines.map((text) => `${text}\n`).join(''));
        const bounds = [0, ...cuts.map((cut) => Math.min(cut, bytes.length)).toSorted((a, b) => a - b), bytes.length];
        const chunks = bounds.slice(1).map((end, i) => bytes.subarray(bounds[i], end));
        assert.deepEqual(takeAll(chunks), takeAll([bytes]));
        assert.equal(takeAll([bytes]).length, lines.length);
      }),
    );
  });

  it('drops exactly one CR before the LF', () => {
    assert.deepEqual(takeAll([Buffer.from('a\r\nb\r\r\n\r\n\n')]), ['a', 'b\r', '', '']);
  });

  it('takes a line of 16,384 bytes with its LF and refuses a longer one, finished or not', () => {
    const longest = `${'x'.repeat(MAX_LINE_BYTES - 1)}\n`;
    assert.equal(takeLine(Buffer.from(longest))?.value.length, MAX_LINE_BYTES - 1);
    assert.throws(() => takeLine(Buffer.from(`x${longest}`)), ProtocolError);
    assert.equal(takeLine(Buffer.alloc(MAX_LINE_BYTES - 1, 'x')), undefined);
    assert.throws(() => takeLine(Buffer.alloc(MAX_LINE_BYTES, 'x')), ProtocolError);
  });
});

describe('parseCommand()', () => {
  const auth = {
    kind: 'auth',
    id: 1,
    mechanism: 'PLAIN',
    service: 'smtp',
    remoteAddress: '',
    localAddress: '',
    remotePort: undefined,
    localPort: undefined,
    session: undefined,
    isSecured: false,
    hasValidCertificate: false,
    certificateName: undefined,
    takesFinalResponse: false,
    skipsPenalty: false,
    initialResponse: undefined,
  } as const;
  const cases: [string, ClientCommand][] = [
    ['VERSION\t1\t0', { kind: 'version', major: 1, minor: 0 }],
    ['VERSION\t1\t2\textra', { kind: 'version', major: 1, minor: 2 }],
    ['CPID\t4711', { kind: 'cpid', pid: 4711 }],
    ['AUTH\t1\tPLAIN\tservice=smtp', auth],
    ['AUTH\t001\tPLAIN\tservice=smtp', auth],
    ['AUTH\t4294967295\tplain\tprotocol=imap', { ...auth, id: 4294967295, mechanism: 'plain', service: 'imap' }],
    [
      'AUTH\t7\tPLAIN\tservice=submission\tnologin\tlip=192.0.2.1\trip=2001:db8::1\tsecured\tresp=AGEAYg==',
      {
        ...auth,
        id: 7,
        service: 'submission',
        localAddress: '192.0.2.1',
        remoteAddress: '2001:db8::1',
        isSecured: true,
        initialResponse: 'AGEAYg==',
      },
    ],
    ['AUTH\t1\tPLAIN\tservice=smtp\tlip=\trip=\tresp=', { ...auth, initialResponse: '' }],
    ['AUTH\t1\tPLAIN\tservice=smtp\tresp==', { ...auth, initialResponse: '=' }],
    ['AUTH\t1\tPLAIN\tservice=smtp\tresp', { ...auth, initialResponse: '' }],
    ['AUTH\t1\tPLAIN\tservice=a\tx=y\tservice=smtp\tsecured=tls', { ...auth, isSecured: true }],
    ['AUTH\t1\tPLAIN\tservice=a\x01tb\x01', { ...auth, service: 'a\tb' }],
    [
      'AUTH\t1\tPLAIN\tservice=smtp\trport=4711\tlport=587\tsession=a\x01tb\treal_rip=192.0.2.9\tno-penalty',
      { ...auth, remotePort: '4711', localPort: '587', session: 'a\tb', skipsPenalty: true },
    ],
    [
      'AUTH\t1\tEXTERNAL\tservice=smtp\tvalid-client-cert\tcert_username=bob\tfinal-resp-ok\tresp=',
      {
        ...auth,
        mechanism: 'EXTERNAL',
        hasValidCertificate: true,
        certificateName: 'bob',
        takesFinalResponse: true,
        initialResponse: '',
      },
    ],
    ['AUTH\t1\tPLAIN\tservice\tcert_username', { ...auth, service: '', certificateName: '' }],
    ['AUTH\t1\tPLAIN\tservice=smtp\tno-penalty=\tvalid-client-cert=no\tfinal-resp-ok=1', auth],
    ['AUTH\t1\tPLAIN\tservice=smtp\t\t=\t=x\t__proto__=1\tconstructor', auth],
    ['AUTH\t9', { kind: 'malformed', id: 9, reason: 'no mechanism' }],
    ['AUTH\t9\tPLAIN', { kind: 'malformed', id: 9, reason: 'no service' }],
    [
      'AUTH\t9\tPLAIN\tservice=smtp\tresp=YQ==\tsecured',
      { kind: 'malformed', id: 9, reason: 'a parameter after resp' },
    ],
    ['CONT\t3\tYQ==', { kind: 'cont', id: 3, response: 'YQ==' }],
    ['CONT\t3\t', { kind: 'cont', id: 3, response: '' }],
    ['CONT\t3\ta\tb', { kind: 'cont', id: 3, response: 'a\tb' }],
    ['CONT\t3', { kind: 'malformed', id: 3, reason: 'CONT without a response' }],
    ['CANCEL\t3', { kind: 'cancel', id: 3 }],
  ];
  for (const [line, expected] of cases) {
    it(`reads ${JSON.stringify(line)}`, () => {
      assert.deepEqual(parseCommand(line), expected);
    });
  }

  const fatal = [
    '',
    'auth\t1\tPLAIN\tservice=smtp',
    ' AUTH\t1\tPLAIN\tservice=smtp',
    'REQUEST\t1',
    'AUTH',
    'AUTH\t0\tPLAIN\tservice=smtp',
    'AUTH\t-1\tPLAIN\tservice=smtp',
    'AUTH\t4294967296\tPLAIN\tservice=smtp',
    'AUTH\t1x\tPLAIN\tservice=smtp',
    'AUTH\t\tPLAIN\tservice=smtp',
    'CONT\tx\tYQ==',
    'CANCEL\t',
    'VERSION\t1',
    'VERSION\t1\tx',
    'CPID\t0',
    'CPID\tme',
  ];
  for (const line of fatal) {
    it(`refuses ${JSON.stringify(line)} with the connection`, () => {
      assert.throws(() => parseCommand(line), ProtocolError);
    });
  }

  it('never says more than a ProtocolError, whatever the line', () => {
    const word = fc.oneof(
      fc.constantFrom('AUTH', 'CONT', 'CANCEL', '1', 'PLAIN', 'service=', 'resp=', '\x01'),
      fc.string(),
    );
    fc.assert(
      fc.property(fc.array(word, { maxLength: 8 }), (words) => {
        try {
          parseCommand(words.join('\t'));
        } catch (error) {
          assert.ok(error instanceof ProtocolError);
        }
      }),
    );
  });

  it('reads parameters in any order, the last of a name, and any value', () => {
    const text = fc.string({ unit: 'binary' });
    const words = {
      secured: 'isSecured',
      'no-penalty': 'skipsPenalty',
      'final-resp-ok': 'takesFinalResponse',
    } as const;
    fc.assert(
      fc.property(text, text, fc.subarray(Object.keys(words)), fc.nat(), (name, session, given, seed) => {
        const fields = [`cert_username=${escapeValue(name)}`, `session=${escapeValue(session)}`, 'rport=1', ...given];
        const turned = fields.map((_, i) => fields[(i + seed) % fields.length] ?? '');
        const line = ['AUTH', '1', 'PLAIN', 'service=other', ...turned, 'x=y', 'service=smtp'].join('\t');
        const expected: Record<string, unknown> = { ...auth, certificateName: name, session, remotePort: '1' };
        for (const [word, field] of Object.entries(words)) expected[field] = given.includes(word);
        assert.deepEqual(parseCommand(line), expected);
      }),
    );
  });

  it('keeps the peer’s text out of its message, where a password could stand', () => {
    assert.throws(
      () => parseCommand('secret\tAGEAYg=='),
      (error) => error instanceof ProtocolError && !error.message.includes('secret'),
    );
  });
});

describe('readInitialResponse()', () => {
  const cases: [string | undefined, number, Buffer | undefined | 'invalid'][] = [
    [undefined, 0, undefined],
    ['', 0, undefined],
    ['', 1, undefined],
    ['', 2, Buffer.alloc(0)],
    ['=', 0, Buffer.alloc(0)],
    ['=', 2, Buffer.alloc(0)],
    ['YQ==', 0, Buffer.from('a')],
    ['YQ=', 0, 'invalid'],
    ['YQ', 2, 'invalid'],
    ['!!!!', 2, 'invalid'],
  ];
  for (const [value, minor, expected] of cases) {
    it(`takes resp=${String(value)} of minor ${minor} as ${String(expected && JSON.stringify(expected))}`, () => {
      assert.deepEqual(readInitialResponse(value, minor), expected);
    });
  }
});

describe('formatting', () => {
  it('lists mechanisms before SPID and ends with DONE', () => {
    const text = formatHandshake({
      mechanisms: [{ name: 'PLAIN', flags: ['plaintext'] }],
      serverPid: 7,
      connectionUid: 3,
      cookie: 'c'.repeat(32),
    });
    assert.equal(text, `VERSION\t1\t2\nMECH\tPLAIN\tplaintext\nSPID\t7\nCUID\t3\nCOOKIE\t${'c'.repeat(32)}\nDONE\n`);
  });

  it('formats replies as Postfix reads them', () => {
    assert.equal(formatOk(1, 'bob@example.com'), 'OK\t1\tuser=bob@example.com\n');
    assert.equal(formatCont(1, Buffer.alloc(0)), 'CONT\t1\t\n');
    assert.equal(formatCont(1, Buffer.from('Username:')), 'CONT\t1\tVXNlcm5hbWU6\n');
    assert.equal(formatFail(1, { reason: 'No' }), 'FAIL\t1\treason=No\n');
    assert.equal(
      formatFail(1, { user: 'b\tb', isTemporary: true, code: 'temp_fail', reason: 'Later' }),
      'FAIL\t1\tuser=b\x01tb\ttemp\tcode=temp_fail\treason=Later\n',
    );
    assert.equal(formatFail(1, { user: 'b', hasNoDelay: true, reason: 'No' }), 'FAIL\t1\tuser=b\tnodelay\treason=No\n');
  });

  it('says more of a success in the order of Dovecot', () => {
    assert.equal(
      formatOk(1, 'bob', {
        originalUser: 'b\tb',
        authUser: 'master\n',
        isAnonymous: true,
        finalResponse: Buffer.from('v=x'),
      }),
      'OK\t1\tuser=bob\toriginal_user=b\x01tb\tauth_user=master\x01n\tanonymous\tresp=dj14\n',
    );
    assert.equal(
      formatOk(1, 'bob', { isAnonymous: false, finalResponse: Buffer.alloc(0) }),
      'OK\t1\tuser=bob\tresp=\n',
    );
  });

  it('never formats an empty user, which Postfix would take for a login', () => {
    assert.throws(() => formatOk(1, ''), RangeError);
    assert.throws(() => formatOk(1, '', { isAnonymous: true }), RangeError);
  });

  it('keeps any value inside its field and reads it back', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (value) => {
        const escaped = escapeValue(value);
        // oxlint-disable-next-line no-control-regex -- the characters that would break a line
        assert.doesNotMatch(escaped, /[\0\t\r\n]/);
        assert.equal(unescapeValue(escaped), value);
      }),
    );
  });

  it('decodes unknown codes to their letter and drops a lone escape', () => {
    assert.equal(unescapeValue('\x01x\x01t\x01'), 'x\t');
  });
});
