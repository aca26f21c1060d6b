/**
 * The network somebody comes from, as a short text that can be a key: what guesses are counted by, and delays shared out
 * by. One customer has an IPv4 /24 or an IPv6 /64 at the least, and often a whole /48 to hop within (RULES 39). Lists of
 * networks that an administrator writes are in `networks.ts`.
 */

export interface NetworkPrefix {
  /** IPv4 /24 or IPv6 /64, such as `192.0.2.0/24` or `2001:db8:1:2::/64`. */
  readonly network: string;
  /** The same /24, or the IPv6 /48: what one customer may have as a whole. */
  readonly site: string;
  /** The site as a whole number, for tables with very many of them; `formatSite` makes it the text again. */
  readonly siteNumber: number;
}

/** No address is longer, its zone included. */
export const MAX_ADDRESS_CHARS = 64;
const GROUPS = 8;
const GROUP_SIZE = 0x10000;
const IPV4_SITES = 2 ** 24;
/** IPv6 sites come after all of IPv4; the largest still fits into 53 bits. */
const FIRST_IPV6_SITE = 2 ** 48;
const MAPPED_GROUP = 0xffff;
const OCTET = /^(?:0|[1-9]\d{0,2})$/;
const GROUP = /^[0-9a-f]{1,4}$/i;

/** Finds the networks of an address; undefined for the empty one and for what is none. Takes about a microsecond. */
export function findNetworkPrefix(address: string): NetworkPrefix | undefined {
  if (address.length > MAX_ADDRESS_CHARS) return undefined;
  if (!address.includes(':')) return findIpv4Prefix(address);
  const groups = parseIpv6(withoutZone(address));
  if (groups === undefined) return undefined;
  // `::ffff:192.0.2.7` is IPv4 on a socket for both.
  if (groups[5] === MAPPED_GROUP && groups.slice(0, 5).every((group) => group === 0)) {
    const [high = 0, low = 0] = groups.slice(6);
    return createIpv4Prefix([high >> 8, high & 0xff, low >> 8]);
  }
  const [a = 0, b = 0, c = 0] = groups;
  return {
    network: `${formatGroups(groups.slice(0, 4))}/64`,
    site: `${formatGroups([a, b, c])}/48`,
    siteNumber: FIRST_IPV6_SITE + (a * GROUP_SIZE + b) * GROUP_SIZE + c,
  };
}

/** An address without the zone of a link-local one, whatever stands there. */
export function withoutZone(address: string): string {
  const zone = address.indexOf('%');
  return zone === -1 ? address : address.slice(0, zone);
}

/** The text of a site number; undefined for a number that is none. */
export function formatSite(siteNumber: number): string | undefined {
  if (!Number.isSafeInteger(siteNumber) || siteNumber < 0 || siteNumber >= 2 * FIRST_IPV6_SITE) return undefined;
  if (siteNumber < IPV4_SITES) return `${siteNumber >> 16}.${(siteNumber >> 8) & 0xff}.${siteNumber & 0xff}.0/24`;
  if (siteNumber < FIRST_IPV6_SITE) return undefined;
  const bits = siteNumber - FIRST_IPV6_SITE;
  const groups = [bits / GROUP_SIZE ** 2, bits / GROUP_SIZE, bits].map((value) => Math.floor(value) % GROUP_SIZE);
  return `${formatGroups(groups)}/48`;
}

function createIpv4Prefix([a = 0, b = 0, c = 0]: readonly number[]): NetworkPrefix {
  const network = `${a}.${b}.${c}.0/24`;
  return { network, site: network, siteNumber: (a << 16) | (b << 8) | c };
}

function findIpv4Prefix(address: string): NetworkPrefix | undefined {
  const octets = parseIpv4(address);
  return octets === undefined ? undefined : createIpv4Prefix(octets);
}

function parseIpv4(address: string): number[] | undefined {
  const octets = address.split('.');
  if (octets.length !== 4 || !octets.every((octet) => OCTET.test(octet))) return undefined;
  const numbers = octets.map(Number);
  return numbers.every((number) => number <= 255) ? numbers : undefined;
}

/** The eight groups of an address without its zone. */
function parseIpv6(address: string): number[] | undefined {
  const [before = '', after, ...more] = address.split('::');
  if (more.length > 0) return undefined;
  const head = parseGroups(before);
  const tail = after === undefined ? [] : parseGroups(after);
  if (head === undefined || tail === undefined) return undefined;
  const missing = GROUPS - head.length - tail.length;
  if (after === undefined ? missing !== 0 : missing < 1) return undefined;
  return [...head, ...Array.from({ length: missing }, () => 0), ...tail];
}

function parseGroups(text: string): number[] | undefined {
  if (text === '') return [];
  const groups: number[] = [];
  const parts = text.split(':');
  for (const [i, part] of parts.entries()) {
    if (GROUP.test(part)) groups.push(Number.parseInt(part, 16));
    else {
      // Only the last 32 bits may be written as IPv4.
      const octets = i === parts.length - 1 ? parseIpv4(part) : undefined;
      if (octets === undefined) return undefined;
      const [a = 0, b = 0, c = 0, d = 0] = octets;
      groups.push((a << 8) | b, (c << 8) | d);
    }
  }
  return groups;
}

function formatGroups(groups: readonly number[]): string {
  let end = groups.length;
  while (end > 0 && groups[end - 1] === 0) end -= 1;
  return `${groups
    .slice(0, end)
    .map((group) => group.toString(16))
    .join(':')}::`;
}
