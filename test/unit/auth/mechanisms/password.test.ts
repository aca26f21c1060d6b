import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import type { MechanismStep, MechanismWorld } from '../../../../src/auth/mechanisms/mechanism.ts';
import { findMechanism } from '../../../../src/auth/mechanisms/table.ts';

const WORLD: MechanismWorld = {
  random: (bytes) => Buffer.alloc(bytes),
  now: () => 0,
  hostname: 'mail.example.com',
  realms: [],
};

/** Plays responses to a mechanism and gives its last step. */
function play(name: string, ...responses: (Buffer | undefined)[]): MechanismStep {
  const exchange = findMechanism(name)?.begin(WORLD);
  assert.ok(exchange !== undefined);
  const steps = responses.map((response) => exchange.next(response));
  const last = steps.at(-1);
  assert.ok(last !== undefined);
  return last;
}

function credentials(username: string, password: string): MechanismStep {
  return { kind: 'password', login: { username, password: Buffer.from(password) } };
}

function acting(authorizationId: string, step: MechanismStep): MechanismStep {
  return step.kind === 'password' ? { ...step, login: { ...step.login, authorizationId } } : step;
}

function challenge(text: string): MechanismStep {
  return { kind: 'challenge', challenge: Buffer.from(text) };
}

describe('PLAIN', () => {
  const cases: [string, MechanismStep][] = [
    ['\0bob\0secret', credentials('bob', 'secret')],
    ['bob\0bob\0secret', credentials('bob', 'secret')],
    ['\0bob\0', credentials('bob', '')],
    ['\0bo b\0\x01\t\r\n', credentials('bo b', '\x01\t\r\n')],
    ['alice\0bob\0secret', acting('alice', credentials('bob', 'secret'))],
    ['Bob\0bob\0secret', acting('Bob', credentials('bob', 'secret'))],
    ['bob\0secret', { kind: 'reject', reason: 'bad-request', user: undefined }],
    ['', { kind: 'reject', reason: 'bad-request', user: undefined }],
    ['\0bob\0sec\0ret', { kind: 'reject', reason: 'bad-request', user: undefined }],
    ['a\0b\0\0x', { kind: 'reject', reason: 'bad-request', user: undefined }],
    ['\0\0secret', { kind: 'reject', reason: 'bad-username', user: undefined }],
  ];
  for (const [message, expected] of cases) {
    it(`takes ${JSON.stringify(message)}`, () => {
      assert.deepEqual(play('PLAIN', Buffer.from(message)), expected);
    });
  }

  it('asks with an empty challenge when there is no initial response', () => {
    assert.deepEqual(play('plain', undefined), challenge(''));
    assert.deepEqual(play('plain', undefined, Buffer.from('\0bob\0secret')), credentials('bob', 'secret'));
  });

  it('refuses a name that is no UTF-8, and keeps such a password', () => {
    const broken = Buffer.from([0, 0xff, 0, 0x61]);
    assert.deepEqual(play('PLAIN', broken), { kind: 'reject', reason: 'bad-username', user: undefined });
    const step = play('PLAIN', Buffer.from([0, 0x61, 0, 0xff]));
    assert.deepEqual(step.kind === 'password' && step.login.password, Buffer.from([0xff]));
  });

  it('gives back every name and password without NUL', () => {
    const text = fc.string({ unit: 'grapheme' }).filter((s) => !s.includes('\0'));
    fc.assert(
      fc.property(
        text.filter((s) => s !== ''),
        text,
        (username, password) => {
          assert.deepEqual(play('PLAIN', Buffer.from(`\0${username}\0${password}`)), credentials(username, password));
        },
      ),
    );
  });
});

describe('LOGIN', () => {
  const bob = Buffer.from('bob');

  it('prompts for the name, then for the password, in the words clients compare', () => {
    assert.deepEqual(play('LOGIN', undefined), challenge('Username:'));
    assert.deepEqual(play('LOGIN', undefined, bob), challenge('Password:'));
    assert.deepEqual(play('LOGIN', undefined, bob, Buffer.from('secret')), credentials('bob', 'secret'));
  });

  it('takes the initial response as the name, an empty one as none', () => {
    assert.deepEqual(play('LOGIN', bob), challenge('Password:'));
    assert.deepEqual(play('LOGIN', Buffer.alloc(0)), challenge('Username:'));
  });

  const bad: [string, (Buffer | undefined)[], MechanismStep][] = [
    [
      'an empty name after the prompt',
      [undefined, Buffer.alloc(0)],
      { kind: 'reject', reason: 'bad-username', user: undefined },
    ],
    ['NUL in the name', [Buffer.from('b\0b')], { kind: 'reject', reason: 'bad-username', user: undefined }],
    ['NUL in the password', [bob, Buffer.from('a\0')], { kind: 'reject', reason: 'bad-request', user: 'bob' }],
  ];
  for (const [what, responses, expected] of bad) {
    it(`refuses ${what}`, () => {
      assert.deepEqual(play('LOGIN', ...responses), expected);
    });
  }
});
