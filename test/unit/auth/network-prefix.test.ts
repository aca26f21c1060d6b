import assert from 'node:assert/strict';
import { isIP } from 'node:net';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { findNetworkPrefix, formatSite } from '../../../src/auth/network-prefix.ts';

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
      const prefix = findNetworkPrefix(address);
      assert.deepEqual([prefix?.network, prefix?.site], [network, site]);
      assert.equal(formatSite(prefix?.siteNumber ?? Number.NaN), site);
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

  for (const number of [-1, 0.5, Number.NaN, 2 ** 24, 2 ** 48 - 1, 2 ** 49, Infinity]) {
    it(`formatSite() knows no site ${number}`, () => {
      assert.equal(formatSite(number), undefined);
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
        const { network, site, siteNumber } = findNetworkPrefix(long) ?? {};
        assert.ok(isIP(network?.replace(/\/\d+$/, '') ?? '') > 0);
        assert.equal(formatSite(siteNumber ?? Number.NaN), site);
      }),
    );
  });
});
