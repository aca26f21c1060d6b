/**
 * Where an attempt comes from, as far as penalties care: its networks, and whether they are counted at all. A trusted
 * network is not, nor is a client without an address; of this machine's own addresses only the pair of user and network is,
 * because whoever logs in through a webmail on it comes from there.
 */
import { findNetworkPrefix, MAX_ADDRESS_CHARS, type NetworkPrefix } from './network-prefix.ts';
import { isLoopback, type NetworkList } from './networks.ts';

export interface AttemptOrigin extends NetworkPrefix {
  /** Somebody else's guesses from here say nothing about this client. */
  readonly isShared: boolean;
}

/** Servers see the same addresses again and again, and networks take longer to compare than all the rest. */
const MAX_REMEMBERED = 4096;

export class AttemptOrigins {
  readonly #trusted: NetworkList;
  readonly #remembered = new Map<string, AttemptOrigin | undefined>();

  constructor(trusted: NetworkList) {
    this.#trusted = trusted;
  }

  /** Undefined when nothing from this address is counted. */
  find(address: string): AttemptOrigin | undefined {
    const remembered = this.#remembered.get(address);
    if (remembered !== undefined || this.#remembered.has(address)) return remembered;
    if (address.length > MAX_ADDRESS_CHARS) return undefined;
    const prefix = findNetworkPrefix(address);
    const isExempt = prefix === undefined || this.#trusted.contains(address);
    const origin = isExempt ? undefined : { ...prefix, isShared: isLoopback(address) };
    if (this.#remembered.size >= MAX_REMEMBERED) this.#remembered.clear();
    this.#remembered.set(address, origin);
    return origin;
  }
}
