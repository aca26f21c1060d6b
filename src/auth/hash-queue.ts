/**
 * Who waits for a hash worker, and whose turn it is. Three lanes: `known` pairs of user and network have room of their
 * own and at least every second turn, `penalised` ones come after everybody else and make room for others when it gets
 * full, yet get a turn now and then, so that nobody waits for ever (RULES 39). In a lane those come first that came
 * first, but light ones pass heavy ones that have to wait for memory. Everything here takes constant time.
 */
import type { HashPriority } from './hasher.ts';

/** One that waits; handed out by `add`, and good for `remove` until it is taken or dropped. */
export interface Waiting<T> {
  readonly item: T;
  readonly lane: HashPriority;
}

/** What came of adding: the one added, and one of the penalised that had to leave for it. */
export interface Added<T> {
  readonly added: Waiting<T>;
  readonly dropped: T | undefined;
}

/** Every so many turns a penalised one is first. */
const PENALISED_TURNS = 16;
const KNOWN_FIRST: readonly HashPriority[] = ['known', 'usual', 'penalised'];
const USUAL_FIRST: readonly HashPriority[] = ['usual', 'known', 'penalised'];
const PENALISED_FIRST: readonly HashPriority[] = ['penalised', 'usual', 'known'];

export interface HashQueueOptions<T> {
  /** Room for the usual and the penalised; the known have half as much on top. */
  readonly limit: number;
  /** What of it the penalised may have. */
  readonly penalisedLimit?: number | undefined;
  /** Who may have to wait for memory. */
  readonly isHeavy: (item: T) => boolean;
}

export class HashQueue<T> {
  readonly #lanes: Readonly<Record<HashPriority, Lane<T>>>;
  /** Room for the usual and the penalised together. */
  readonly #limit: number;
  /** Room for the known, on top. */
  readonly #knownLimit: number;
  /** Of the room for all, what the penalised may have. */
  readonly #penalisedLimit: number;
  #turn = 0;

  constructor({ limit, penalisedLimit = limit, isHeavy }: HashQueueOptions<T>) {
    this.#lanes = {
      known: new Lane('known', isHeavy),
      usual: new Lane('usual', isHeavy),
      penalised: new Lane('penalised', isHeavy),
    };
    this.#limit = limit;
    this.#penalisedLimit = penalisedLimit;
    this.#knownLimit = Math.ceil(limit / 2);
  }

  get size(): number {
    const { known, usual, penalised } = this.#lanes;
    return known.size + usual.size + penalised.size;
  }

  /** Those who come before the penalised. */
  get urgentSize(): number {
    return this.#lanes.known.size + this.#lanes.usual.size;
  }

  /** Adds one at the end of its lane; undefined when there is no room. */
  add(item: T, priority: HashPriority): Added<T> | undefined {
    const { known, usual, penalised } = this.#lanes;
    if (priority === 'known' && known.size < this.#knownLimit) return { added: known.add(item), dropped: undefined };
    const hasRoom = usual.size + penalised.size < this.#limit;
    if (priority === 'penalised') {
      const hasPlace = hasRoom && penalised.size < this.#penalisedLimit;
      return hasPlace ? { added: penalised.add(item), dropped: undefined } : undefined;
    }
    // Too many of the known wait like everybody else. Whoever of the penalised came last has waited least.
    const dropped = hasRoom ? undefined : penalised.takeLast();
    return hasRoom || dropped !== undefined ? { added: usual.add(item), dropped } : undefined;
  }

  /** Takes the next one that `mayRun`; only the first light and the first heavy one of each lane are asked about. */
  take(mayRun: (item: T) => boolean): T | undefined {
    for (const name of this.#order()) {
      const taken = this.#lanes[name].take(mayRun);
      if (taken === undefined) continue;
      this.#turn += 1;
      return taken.item;
    }
    return undefined;
  }

  /** Takes one out, wherever it stands; harmless when it is gone. */
  remove(waiting: Waiting<T>): void {
    if (waiting instanceof Node) this.#lanes[waiting.lane].remove(waiting);
  }

  /** Takes everybody out. */
  clear(): T[] {
    return Object.values(this.#lanes).flatMap((lane) => lane.clear());
  }

  #order(): readonly HashPriority[] {
    if (this.#turn % PENALISED_TURNS === PENALISED_TURNS - 1) return PENALISED_FIRST;
    return this.#turn % 2 === 0 ? KNOWN_FIRST : USUAL_FIRST;
  }
}

class Node<T> implements Waiting<T> {
  readonly item: T;
  readonly lane: HashPriority;
  /** The list it stands in; undefined once it has left. */
  list: List<T> | undefined;
  /** Grows with each one that comes. */
  readonly order: number;
  previous: Node<T> | undefined;
  next: Node<T> | undefined;

  constructor(item: T, { lane, order }: { readonly lane: HashPriority; readonly order: number }) {
    this.item = item;
    this.lane = lane;
    this.order = order;
  }
}

/** The light and the heavy ones of one priority. */
class Lane<T> {
  readonly #name: HashPriority;
  readonly #isHeavy: (item: T) => boolean;
  readonly #light = new List<T>();
  readonly #heavy = new List<T>();
  #lastOrder = 0;

  constructor(name: HashPriority, isHeavy: (item: T) => boolean) {
    this.#name = name;
    this.#isHeavy = isHeavy;
  }

  get size(): number {
    return this.#light.size + this.#heavy.size;
  }

  add(item: T): Node<T> {
    this.#lastOrder += 1;
    const node = new Node(item, { lane: this.#name, order: this.#lastOrder });
    (this.#isHeavy(item) ? this.#heavy : this.#light).add(node);
    return node;
  }

  remove(node: Node<T>): void {
    node.list?.remove(node);
  }

  take(mayRun: (item: T) => boolean): Node<T> | undefined {
    const [light, heavy] = [this.#light.first, this.#heavy.first];
    const isHeavyFirst = heavy !== undefined && (light === undefined || heavy.order < light.order);
    for (const node of isHeavyFirst ? [heavy, light] : [light, heavy]) {
      if (node === undefined || !mayRun(node.item)) continue;
      this.remove(node);
      return node;
    }
    return undefined;
  }

  takeLast(): T | undefined {
    const [light, heavy] = [this.#light.last, this.#heavy.last];
    const last = (heavy?.order ?? 0) > (light?.order ?? 0) ? heavy : light;
    if (last !== undefined) this.remove(last);
    return last?.item;
  }

  clear(): T[] {
    return [...this.#light.clear(), ...this.#heavy.clear()];
  }
}

/** A list with two ends; each node knows its neighbours, so that one in the middle leaves at once. */
class List<T> {
  first: Node<T> | undefined;
  last: Node<T> | undefined;
  size = 0;

  add(node: Node<T>): void {
    node.list = this;
    node.previous = this.last;
    if (this.last === undefined) this.first = node;
    else this.last.next = node;
    this.last = node;
    this.size += 1;
  }

  remove(node: Node<T>): void {
    node.list = undefined;
    if (node.previous === undefined) this.first = node.next;
    else node.previous.next = node.next;
    if (node.next === undefined) this.last = node.previous;
    else node.next.previous = node.previous;
    this.size -= 1;
  }

  clear(): T[] {
    const items: T[] = [];
    for (let node = this.first; node !== undefined; node = this.first) {
      items.push(node.item);
      this.remove(node);
    }
    return items;
  }
}
