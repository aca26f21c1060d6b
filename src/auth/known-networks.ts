/**
 * From which networks users have logged in lately. Only a success adds to it, so no flood of guesses can push anybody
 * out; who was not seen for a month is forgotten. The site (IPv4 /24, IPv6 /48) is what is remembered: a phone gets a new
 * /64 from its provider each time it attaches.
 */

import { evictOldest } from './evict-oldest.ts';

/** A network with the time until which it is known. */
export interface KnownNetwork {
  readonly siteNumber: number;
  readonly until: number;
}

export interface KnownNetworksOptions {
  readonly maxUsers?: number;
}

/** How long a success makes a network known (RULES 39). */
export const KNOWN_MS = 30 * 24 * 3_600_000;
/** A success moves the end only when it moves it by this much: most logins change nothing. */
const REFRESH_MS = 3_600_000;
/** 170 bytes for a user with one network. */
const MAX_USERS = 200_000;
/** A traveller has no more in a month; 16 bytes each. */
const MAX_NETWORKS = 32;

export class KnownNetworks {
  readonly #maxUsers: number;
  /** Site number and time, in turn, the network seen longest ago first; the user seen longest ago first. */
  readonly #users = new Map<string, number[]>();

  constructor({ maxUsers = MAX_USERS }: KnownNetworksOptions = {}) {
    this.#maxUsers = maxUsers;
  }

  /** Users with a known network, expired ones included. */
  get size(): number {
    return this.#users.size;
  }

  /** The time until which the user is known there; undefined when they are not. */
  findUntil(user: string, siteNumber: number, now: number): number | undefined {
    const until = findValue(this.#users.get(user), siteNumber);
    return until !== undefined && until > now ? until : undefined;
  }

  /** Whether the user is known in any network. */
  isKnown(user: string, now: number): boolean {
    return (this.#users.get(user)?.at(-1) ?? 0) > now;
  }

  /** Remembers a success; false when that changed nothing worth saving. */
  add(user: string, siteNumber: number, now: number): boolean {
    const until = now + KNOWN_MS;
    const known = findValue(this.#users.get(user), siteNumber);
    if (known !== undefined && known > until - REFRESH_MS && known <= until) return false;
    this.restore(user, { siteNumber, until });
    return true;
  }

  /** Puts a network in, as the one seen last. */
  restore(user: string, { siteNumber, until }: KnownNetwork): void {
    const networks = this.#users.get(user) ?? [];
    const place = findPlace(networks, siteNumber);
    if (place !== undefined) networks.splice(place, 2);
    else if (networks.length >= 2 * MAX_NETWORKS) networks.splice(0, 2);
    networks.push(siteNumber, until);
    this.#users.delete(user);
    this.#users.set(user, networks);
    evictOldest(this.#users, this.#maxUsers);
  }

  clear(): void {
    this.#users.clear();
  }

  /** Where a user is known, the network seen last at the end. */
  networksOf(user: string, now: number): KnownNetwork[] {
    return listNetworks(this.#users.get(user) ?? [], now);
  }

  /** All users with their networks that are not expired; users who have none left are forgotten on the way. */
  *entries(now: number): IterableIterator<[string, KnownNetwork[]]> {
    for (const [user, networks] of this.#users) {
      const listed = listNetworks(networks, now);
      if (listed.length > 0) yield [user, listed];
      else this.#users.delete(user);
    }
  }
}

function findPlace(networks: readonly number[], siteNumber: number): number | undefined {
  for (let i = 0; i < networks.length; i += 2) if (networks[i] === siteNumber) return i;
  return undefined;
}

function findValue(networks: readonly number[] | undefined, siteNumber: number): number | undefined {
  if (networks === undefined) return undefined;
  const place = findPlace(networks, siteNumber);
  return place === undefined ? undefined : networks[place + 1];
}

function listNetworks(networks: readonly number[], now: number): KnownNetwork[] {
  const listed: KnownNetwork[] = [];
  for (let i = 0; i < networks.length; i += 2) {
    const [siteNumber = 0, until = 0] = [networks[i], networks[i + 1]];
    if (until > now) listed.push({ siteNumber, until });
  }
  return listed;
}
