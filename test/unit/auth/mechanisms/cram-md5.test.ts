import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { makeCramStates } from '../../../../src/auth/md5-state.ts';
import { CRAM_MD5 } from '../../../../src/auth/mechanisms/cram-md5.ts';
import { playClient, playResponses, STILL_WORLD } from '../../../support/play-mechanism.ts';
import { createSaslClient } from '../../../support/sasl-client.ts';

const CHALLENGE = '<7777777777777777.1700000000@mail.example.com>';
const HEX = createHmac('md5', 'secret').update(CHALLENGE).digest('hex');
const plain = (password: string) => ({ kind: 'plain', password: Buffer.from(password) }) as const;
const stored = (password: string) =>
  ({ kind: 'verifier', data: makeCramStates(Buffer.from(password)).toString('hex') }) as const;
const begin = () => CRAM_MD5.begin(STILL_WORLD);

describe('CRAM-MD5', () => {
  it('sends a challenge of RFC 2195, with or without an initial response', () => {
    for (const initial of [undefined, 'bob', '']) {
      const { step } = playResponses(begin(), { responses: [initial] });
      assert.deepEqual(step, { kind: 'challenge', challenge: Buffer.from(CHALLENGE) });
    }
  });

  it('agrees with the example of RFC 2195', () => {
    // Its challenge has 4 digits, which we never send, so only what is computed is compared: in the world of the RFC.
    const challenge = Buffer.from('<1896.697170952@postoffice.reston.mci.net>');
    const client = createSaslClient('CRAM-MD5', { user: 'tim', password: 'tanstaaftanstaaf' });
    assert.equal(client.answer(challenge).toString(), 'tim b913a602c7eda7a495b4e6e7334d3890');
    for (const credential of [plain('tanstaaftanstaaf'), stored('tanstaaftanstaaf')]) {
      const world = { ...STILL_WORLD, random: () => Buffer.from([1, 8, 9, 6]), now: () => 697_170_952_000 };
      const exchange = CRAM_MD5.begin({ ...world, hostname: 'postoffice.reston.mci.net' });
      assert.deepEqual(exchange.next(undefined), { kind: 'challenge', challenge });
      const responses = ['tim b913a602c7eda7a495b4e6e7334d3890'];
      assert.deepEqual(playResponses(exchange, { responses, credential }).step, { kind: 'proof', isProven: true });
    }
  });

  const taken: [string, string][] = [
    [`bob@example.com ${HEX}`, 'bob@example.com'],
    [`bob ${HEX.toUpperCase()}`, 'bob'],
    [`b o b ${HEX}`, 'b o b'],
    [`bob  ${HEX}`, 'bob '],
    [`zoë ${HEX}`, 'zoë'],
    [`b\nob ${HEX}`, 'b\nob'],
  ];
  for (const [response, username] of taken) {
    it(`takes ${JSON.stringify(response.replace(HEX, 'HEX'))}`, () => {
      const { step, claim } = playResponses(begin(), { responses: [undefined, response], credential: plain('secret') });
      assert.deepEqual(claim, { username, scheme: 'CRAM-MD5' });
      assert.deepEqual(step, { kind: 'proof', isProven: true });
    });
  }

  const refused: [string, string][] = [
    ['', 'bad-request'],
    ['bob', 'bad-request'],
    [HEX, 'bad-request'],
    [`bob${HEX}`, 'bad-request'],
    [`bob ${HEX}0`, 'bad-request'],
    [`bob ${HEX} `, 'bad-request'],
    [`bob ${HEX}\n`, 'bad-request'],
    [`bob ${HEX.slice(1)}`, 'bad-request'],
    [`bob g${HEX.slice(1)}`, 'bad-request'],
    [`bo\0b ${HEX}`, 'bad-request'],
    [` ${HEX}`, 'bad-username'],
    [`${'x'.repeat(1025)} ${HEX}`, 'bad-username'],
  ];
  for (const [response, reason] of refused) {
    it(`refuses ${JSON.stringify(response.replace(HEX, 'HEX').slice(0, 50))}`, () => {
      const { step } = playResponses(begin(), { responses: [undefined, response] });
      assert.deepEqual(step, { kind: 'reject', reason, user: undefined });
    });
  }

  it('refuses a name that is no UTF-8', () => {
    const response = Buffer.concat([Buffer.from([0xff]), Buffer.from(` ${HEX}`)]);
    assert.equal(playResponses(begin(), { responses: [undefined, response] }).step.kind, 'reject');
  });

  it('proves every right password and no other, from plain text and from the stored states', () => {
    const text = fc.string({ unit: 'grapheme' });
    const name = text.filter((s) => s !== '' && !s.includes('\0'));
    fc.assert(
      fc.property(name, text, text, (user, password, other) => {
        for (const credential of [plain(password), stored(password)]) {
          const right = createSaslClient('CRAM-MD5', { user, password });
          const wrong = createSaslClient('CRAM-MD5', { user, password: other });
          const played = playClient({ mechanism: CRAM_MD5, client: right }, credential);
          assert.deepEqual(played.step, { kind: 'proof', isProven: true });
          assert.equal(played.claim?.username, user);
          const { step } = playClient({ mechanism: CRAM_MD5, client: wrong }, credential);
          assert.deepEqual(step, { kind: 'proof', isProven: other === password });
        }
      }),
      { numRuns: 50 },
    );
  });
});
