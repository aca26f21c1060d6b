import assert from 'node:assert/strict';
import { isIP } from 'node:net';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { findNetworkPrefix } from '../../../src/auth/network-prefix.ts';

describe('findNetworkPrefix()', () => {
  const cases: [string, string, string][] = [
    ['192.0.2.7', '192.0.2.0/24', '192.0.2.0/24'],
    ['127.0.0.1', '127.0.0.0/24', '127.0.0.0/24'],
    ['::ffff:192.0.2.7', '192.0.2.0/24', '192.0.2.0/24'],
    ['::FFFF:c000:207', '192.0.2.0/24', '192.0.2.0/24'],
    ['0:0:0:0:0:ffff:192.0.2.7', '192.0.2.0/24', '192.0.2.0/24'],
    ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2::/64', '2001:db8:1::/48'],
    ['2001:DB8:1:2::', '2001:db8:1:2::/64', '2001:db8:1::/48'],
    ['2001:0db8:0001:0002::1', '2001:db8:1:2::/64', '2001:db8:1::/48'],
    ['2001:db8::1', '2001:db8::/64', '2001:db8::/48'],
    ['2001:db8:0:5::1', '2001:db8:0:5::/64', '2001:db8::/48'],
    ['fe80::1%eth0', 'fe80::/64', 'fe80::/48'],
    ['64:ff9b::192.0.2.7', '64:ff9b::/64', '64:ff9b::/48'],
    ['::1', '::/64', '::/48'],
    ['::', '::/64', '::/48'],
  ];
  for (const [address, network, site] of cases) {
    it(`says ${network} and ${site} for ${address}`, () => {
      assert.deepEqual(findNetworkPrefix(address), { network, site });
    });
  }

  const none = [
    '',
    'unknown',
    '192.0.2',
    '192.0.2.256',
    '192.0.2.7.1',
    '192.0.2.07',
    ' 192.0.2.7',
    '1:2:3:4:5:6:7',
    '1:2:3:4:5:6:7:8:9',
    '1::2::3',
    '1:2:3:4:5:6:7::8:9',
    '12345::',
    ':1::',
    '1:2:3:4:5:6:7:',
    '::1.2.3',
    '::1.2.3.4:5',
    'g::',
    `::${'0'.repeat(70)}`,
  ];
  for (const address of none) {
    it(`finds none for ${JSON.stringify(address)}`, () => {
      assert.equal(findNetworkPrefix(address), undefined);
    });
  }

  it('finds one for exactly what is an address, and the same for every way to write it', () => {
    fc.assert(
      fc.property(fc.ipV6(), (address) => {
        assert.equal(findNetworkPrefix(address) !== undefined, isIP(address) === 6, address);
      }),
    );
    fc.assert(fc.property(fc.ipV4(), (address) => findNetworkPrefix(address) !== undefined));
    fc.assert(fc.property(fc.string(), (text) => isIP(text) > 0 || findNetworkPrefix(text) === undefined));
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 0, max: 0xffff }), { minLength: 8, maxLength: 8 }), (groups) => {
        const long = groups.map((group) => group.toString(16).padStart(4, '0')).join(':');
        const short = new URL(`http://[${long}]`).hostname.slice(1, -1);
        assert.deepEqual(findNetworkPrefix(short), findNetworkPrefix(long));
        assert.ok(isIP(findNetworkPrefix(long)?.network.replace(/\/\d+$/, '') ?? '') > 0);
      }),
    );
  });
});
