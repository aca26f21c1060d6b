/**
 * Lists of networks (`10.0.0.0/8, 2001:db8::/32, 192.0.2.7, local`), for everything that asks where somebody comes from:
 * trusted networks, `allow_nets` of an account and of a listener. IPv4 written as IPv6 (`::ffff:192.0.2.7`) is IPv4.
 */
import IPCIDR from 'ip-cidr';

/** Octets are checked: what only looks like an address of this machine must not be trusted as one. */
const LOOPBACK = /^127(?:\.(?:0|[1-9]\d?|1\d\d|2[0-4]\d|25[0-5])){3}$/;

/** The word for sessions without an address, as in Dovecot's `allow_nets`. */
const LOCAL = 'local';
const MAPPED = /^::ffff:(?=\d+\.\d+\.\d+\.\d+(?:\/|$))/i;

export interface NetworkList {
  /** Whether `address` is in one of the networks; the empty address is only in `local`. */
  contains(address: string): boolean;
}

/** Parses networks and single addresses; throws SyntaxError for anything else. */
export function parseNetworks(texts: readonly string[]): NetworkList {
  const networks = texts.filter((text) => text !== LOCAL).map(parseNetwork);
  const hasLocal = texts.includes(LOCAL);
  return {
    contains: (address) =>
      address === '' ? hasLocal : networks.some((network) => isIn(network, cleanAddress(address))),
  };
}

/** Whether a peer is this machine: the loopback networks, or no address at all (a unix socket). */
export function isLoopback(address: string): boolean {
  const clean = cleanAddress(address);
  return clean === '' || clean === '::1' || LOOPBACK.test(clean);
}

function parseNetwork(text: string): IPCIDR {
  const bare = text.replace(MAPPED, '');
  const withPrefix = bare.includes('/') ? bare : `${bare}/${bare.includes(':') ? 128 : 32}`;
  if (!IPCIDR.isValidCIDR(withPrefix)) {
    throw new SyntaxError(`Cannot parse network "${text}": use an address, ADDRESS/BITS, or "${LOCAL}"`);
  }
  return new IPCIDR(withPrefix);
}

/** Without the two ways to write one address differently: IPv4 in IPv6, and the zone of a link-local one. */
function cleanAddress(address: string): string {
  return address.replace(MAPPED, '').replace(/%.*$/, '');
}

function isIn(network: IPCIDR, address: string): boolean {
  // ip-cidr 4.0.2 compares the leading bits only, so `::/0` would hold every IPv4 address.
  return network.toString().includes(':') === address.includes(':') && network.contains(address);
}
