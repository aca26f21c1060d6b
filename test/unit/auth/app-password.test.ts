import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import {
  digestToken,
  findAppPassword,
  makeToken,
  parseToken,
  sealToken,
  type AppPassword,
} from '../../../src/auth/app-password.ts';

const TOKEN = '0123456789abcdefghjkmnpqrs';
const SHOWN = '01234-56789-abcde-fghjk-mnpqrs';

function entryOf(id: number, token: string): AppPassword {
  return { id, label: `program ${id}`, ...sealToken(token), scopes: ['smtp'], allowNets: [], expiresAt: undefined };
}

/** Bytes that make the symbols one after the other. */
function counting(bytes: number): Buffer {
  return Buffer.from(Array.from({ length: bytes }, (_, place) => place));
}

const bytesOfToken = fc.uint8Array({ minLength: 26, maxLength: 26 }).map((bytes) => Buffer.from(bytes));

describe('makeToken()', () => {
  it('shows 26 symbols in groups that end with a longer one', () => {
    assert.equal(makeToken(counting), SHOWN);
    assert.match(makeToken(), /^([0-9a-hjkmnp-tv-z]{5}-){4}[0-9a-hjkmnp-tv-z]{6}$/);
  });

  it('takes every symbol from random bits of its own', () => {
    const seen = new Set<string>();
    for (let round = 0; round < 200; round += 1) {
      const token = makeToken().replaceAll('-', '');
      assert.equal(token.length, 26);
      for (const [place, symbol] of Array.from(token).entries()) seen.add(`${place}${symbol}`);
    }
    // 26 places of 32 symbols; each is missed by all 200 with a chance of (31/32)^200, so about one or two are.
    assert.ok(seen.size > 26 * 32 - 30, `${seen.size} of ${26 * 32}`);
  });
});

describe('parseToken()', () => {
  const cases: readonly (readonly [what: string, typed: string, token: string | undefined])[] = [
    ['as shown', SHOWN, TOKEN],
    ['without separators', TOKEN, TOKEN],
    ['in capitals', SHOWN.toUpperCase(), TOKEN],
    ['with spaces', SHOWN.replaceAll('-', ' '), TOKEN],
    ['with white space around', ` ${SHOWN}\r\n`, TOKEN],
    ['with the dashes of a phone', SHOWN.replaceAll('-', '\u2013'), TOKEN],
    ['with no-break spaces', SHOWN.replaceAll('-', '\u00A0'), TOKEN],
    ['O for zero', SHOWN.replace('0', 'O'), TOKEN],
    ['l for one', SHOWN.replace('1', 'l'), TOKEN],
    ['I for one', SHOWN.replace('1', 'I'), TOKEN],
    ['u for v', 'uvuvuvuvuvuvuvuvuvuvuvuvuv', 'vvvvvvvvvvvvvvvvvvvvvvvvvv'],
    ['one symbol too few', TOKEN.slice(1), undefined],
    ['one symbol too many', `${TOKEN}0`, undefined],
    ['nothing', '', undefined],
    ['only separators', '-'.repeat(30), undefined],
    ['another character', `${TOKEN.slice(1)}!`, undefined],
    ['a letter that folds into two', `${TOKEN.slice(1)}\u0130`, undefined],
    ['a sign that looks like k (Kelvin)', `${TOKEN.slice(1)}\u212A`, `${TOKEN.slice(1)}k`],
    ['digits of another script', '\u0661'.repeat(26), undefined],
    ['NUL inside', `${TOKEN.slice(0, 13)}\0${TOKEN.slice(13)}`, undefined],
    ['a token that ends in a line break and more', `${TOKEN}\nx`, undefined],
    ['longer than anything typed', `${' '.repeat(200)}${TOKEN}`, undefined],
    ['a million bytes', '0'.repeat(1_000_000), undefined],
    ['a name of every object', '__proto__', undefined],
  ];
  for (const [what, typed, token] of cases) {
    it(`reads ${what} as ${token ?? 'no token'}`, () => {
      assert.equal(parseToken(Buffer.from(typed)), token);
    });
  }

  it('takes no bytes that are no UTF-8', () => {
    assert.equal(parseToken(Buffer.concat([Buffer.from(TOKEN.slice(1)), Buffer.from([0xff])])), undefined);
  });

  it('reads back every token that is made, however it is typed', () => {
    fc.assert(
      fc.property(
        bytesOfToken,
        fc.boolean(),
        fc.constantFrom('', '-', ' ', '_', '\u2014'),
        (bytes, isUpper, separator) => {
          const shown = makeToken(() => bytes);
          const typed = shown.replaceAll('-', separator);
          assert.equal(parseToken(Buffer.from(isUpper ? typed.toUpperCase() : typed)), shown.replaceAll('-', ''));
        },
      ),
    );
  });

  it('gives what it gave when it is asked again', () => {
    fc.assert(
      fc.property(
        fc.string({ minLength: 20, maxLength: 40, unit: fc.constantFrom(...Array.from('0oOiIlL1uUvV-zZ 9')) }),
        (typed) => {
          const token = parseToken(Buffer.from(typed));
          if (token !== undefined) assert.equal(parseToken(Buffer.from(token)), token);
        },
      ),
    );
  });
});

describe('findAppPassword()', () => {
  it('finds the one a token belongs to, wherever it stands', () => {
    const tokens = Array.from({ length: 50 }, () => makeToken().replaceAll('-', ''));
    const list = tokens.map((token, place) => entryOf(place, token));
    for (const [place, token] of tokens.entries()) assert.equal(findAppPassword(token, list)?.id, place);
    assert.equal(findAppPassword(TOKEN, list), undefined);
    assert.equal(findAppPassword(TOKEN, []), undefined);
  });

  it('never matches a token with one other symbol', () => {
    const list = [entryOf(1, TOKEN)];
    fc.assert(
      fc.property(fc.nat(25), fc.constantFrom(...Array.from('0123456789abcdefghjkmnpqrstvwxyz')), (place, symbol) => {
        const other = TOKEN.slice(0, place) + symbol + TOKEN.slice(place + 1);
        assert.equal(findAppPassword(other, list)?.id, other === TOKEN ? 1 : undefined);
      }),
    );
  });

  it('looks past an entry that was damaged in the store', () => {
    const whole = entryOf(2, TOKEN);
    const damaged = [
      { ...entryOf(1, TOKEN), digest: Buffer.alloc(0) },
      { ...entryOf(3, TOKEN), digest: whole.digest.subarray(1) },
      { ...entryOf(4, TOKEN), key: Buffer.alloc(0) },
    ];
    assert.equal(findAppPassword(TOKEN, damaged), undefined);
    assert.equal(findAppPassword(TOKEN, [...damaged, whole])?.id, 2);
  });
});

describe('sealToken()', () => {
  it('keeps nothing the token could be read from, under another key each time', () => {
    const first = sealToken(TOKEN);
    const second = sealToken(TOKEN);
    assert.equal(first.key.length, 32);
    assert.notDeepEqual(first.key, second.key);
    assert.notDeepEqual(first.digest, second.digest);
    assert.deepEqual(digestToken(TOKEN, first.key), first.digest);
    assert.equal(first.digest.length, 32);
  });
});
