import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { formatUsername } from '../../../src/auth/username.ts';

describe('formatUsername()', () => {
  const cases: [string, string, string | undefined][] = [
    ['Bob@Example.COM', '%Lu', 'bob@example.com'],
    ['Bob@Example.COM', '%u', 'Bob@Example.COM'],
    ['Bob', '%Ln@example.com', 'bob@example.com'],
    ['bob@example.com', '%n', 'bob'],
    ['bob', '%u+%s', 'bob+smtp'],
    ['JO\u0308RG', '%Lu', 'jörg'],
    ["o'brien+tag/x y", '%Lu', "o'brien+tag/x y"],
    ['a'.repeat(255), '%u', 'a'.repeat(255)],
    ['a'.repeat(256), '%u', undefined],
    ['é'.repeat(128), '%u', undefined],
    ['a'.repeat(200), '%u%u', undefined],
    ['', '%Lu', undefined],
    ['@example.com', '%n', undefined],
    ['bob\0', '%Lu', undefined],
    ['bob\n', '%Lu', undefined],
    ['bob\x7F', '%Lu', undefined],
    ['bob\x85', '%Lu', undefined],
    ['bob\u2028', '%Lu', undefined],
    ['bob\uFFFD', '%Lu', undefined],
  ];
  for (const [typed, format, expected] of cases) {
    it(`makes ${JSON.stringify(expected?.slice(0, 30))} of ${JSON.stringify(typed.slice(0, 30))} by ${format}`, () => {
      assert.equal(formatUsername(typed, format, { service: 'smtp' }), expected);
    });
  }
});
