import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { parseExpiry } from '../../../src/cli/expiry.ts';

const NOW = new Date(2026, 10, 23, 12, 0, 0).getTime();
const DAY_MS = 86_400_000;

describe('parseExpiry()', () => {
  const good: readonly (readonly [text: string, at: number | undefined])[] = [
    ['never', undefined],
    ['90d', NOW + 90 * DAY_MS],
    ['1h', NOW + 3_600_000],
    ['2w', NOW + 14 * DAY_MS],
    // To the end of that day.
    ['2026-11-23', new Date(2026, 10, 24).getTime()],
    ['2027-01-31', new Date(2027, 1, 1).getTime()],
    ['2028-02-29', new Date(2028, 2, 1).getTime()],
    ['2027-01-31T12:00:00Z', Date.UTC(2027, 0, 31, 12)],
    ['2027-01-31T12:00+01:00', Date.UTC(2027, 0, 31, 11)],
  ];
  for (const [text, at] of good) it(`reads ${text}`, () => assert.equal(parseExpiry(text, NOW), at));

  const bad: readonly (readonly [text: string, reason: RegExp])[] = [
    ['', /neither/],
    ['0s', /past/],
    ['90', /neither/],
    ['tomorrow', /neither/],
    ['2026-11-22', /past/],
    ['2027-02-29', /no day/],
    ['2027-13-01', /no day/],
    ['2027-00-10', /no day/],
    ['2027-01-31T25:00:00Z', /no moment/],
    ['2027-1-31', /neither/],
    ['31.1.2027', /neither/],
    ['999999999999d', /100 years/],
    ['9999-12-31', /100 years/],
    ['-5d', /neither/],
    ['Never', /neither/],
  ];
  for (const [text, reason] of bad) {
    it(`refuses ${JSON.stringify(text)}`, () => {
      assert.throws(() => parseExpiry(text, NOW), { name: 'SyntaxError', message: reason });
    });
  }
});
