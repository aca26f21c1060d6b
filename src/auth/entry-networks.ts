/**
 * The networks an entry may be used from, parsed once and not at every login. A list with an error in it still lets in
 * whoever is in the rest of it; whoever is not cannot be told to be outside.
 */
import { parseNetworks, type NetworkList } from './networks.ts';

/** Lists in use at once; each is some networks long. */
const MAX_LISTS = 1000;

export type NetworkVerdict = 'inside' | 'outside' | 'unreadable';

interface EntryNetworks {
  readonly list: NetworkList;
  readonly hasError: boolean;
}

export class NetworkReader {
  readonly #read = new Map<string, EntryNetworks>();

  /** Where an address is. An empty list allows all. */
  judge(texts: readonly string[], address: string): NetworkVerdict {
    if (texts.length === 0) return 'inside';
    const { list, hasError } = this.#get(texts);
    if (list.contains(address)) return 'inside';
    return hasError ? 'unreadable' : 'outside';
  }

  /** The networks an entry may be used from; undefined for all. */
  find(texts: readonly string[]): NetworkList | undefined {
    return texts.length === 0 ? undefined : this.#get(texts).list;
  }

  #get(texts: readonly string[]): EntryNetworks {
    const key = texts.join(' ');
    const known = this.#read.get(key);
    if (known !== undefined) return known;
    const networks = readAll(texts);
    if (this.#read.size >= MAX_LISTS) this.#read.clear();
    this.#read.set(key, networks);
    return networks;
  }
}

function readAll(texts: readonly string[]): EntryNetworks {
  const good = texts.filter(isReadable);
  return { list: parseNetworks(good), hasError: good.length < texts.length };
}

function isReadable(text: string): boolean {
  try {
    parseNetworks([text]);
    return true;
  } catch {
    return false;
  }
}
