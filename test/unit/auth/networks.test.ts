import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { isLoopback, parseNetworks } from '../../../src/auth/networks.ts';

describe('parseNetworks()', () => {
  const cases: [string[], string, boolean][] = [
    [['10.0.0.0/8'], '10.255.255.255', true],
    [['10.0.0.0/8'], '11.0.0.0', false],
    [['192.0.2.7'], '192.0.2.7', true],
    [['192.0.2.7'], '192.0.2.8', false],
    [['192.0.2.7'], '::ffff:192.0.2.7', true],
    [['::ffff:192.0.2.7'], '192.0.2.7', true],
    [['192.0.2.64/26'], '192.0.2.127', true],
    [['192.0.2.64/26'], '192.0.2.128', false],
    [['2001:db8::/32'], '2001:db8:ffff::1', true],
    [['2001:db8::/32'], '2001:db9::1', false],
    [['2001:DB8::1'], '2001:db8:0:0::1', true],
    [['fe80::/10'], 'fe80::1%eth0', true],
    [['0.0.0.0/0'], '2001:db8::1', false],
    [['::/0'], '192.0.2.7', false],
    [['::/0'], '::ffff:192.0.2.7', false],
    [['0.0.0.0/0'], '192.0.2.7', true],
    [['10.0.0.0/8', 'local'], '', true],
    [['10.0.0.0/8'], '', false],
    [['0.0.0.0/0', '::/0'], 'not an address', false],
    [[], '127.0.0.1', false],
  ];
  for (const [networks, address, expected] of cases) {
    it(`says ${expected} for "${address}" in ${networks.join(', ') || 'nothing'}`, () => {
      assert.equal(parseNetworks(networks).contains(address), expected);
    });
  }

  for (const text of ['', 'localhost', '10.0.0.0/33', '10.0.0/8', '10.0.0.0/', '::1/129', '10.0.0.0/-1', '1.2.3.4.5']) {
    it(`refuses ${JSON.stringify(text)}`, () => {
      assert.throws(() => parseNetworks([text]), SyntaxError);
    });
  }
});

describe('isLoopback()', () => {
  it('knows this machine by all its names', () => {
    for (const address of ['', '127.0.0.1', '127.9.9.9', '::1', '::ffff:127.0.0.1']) assert.ok(isLoopback(address));
    for (const address of [
      '128.0.0.1',
      '::2',
      'localhost',
      '127.0.0.1.example.com',
      '1127.0.0.1',
      '127.999.1.1',
      '127.0.0.256',
      '127.0.0.01',
    ])
      assert.ok(!isLoopback(address));
  });
});
