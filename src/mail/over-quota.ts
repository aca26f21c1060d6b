/**
 * Which accounts are over a limit, and for how long. One is over when usage reaches the limit of a root, or mail was refused
 * for want of room in its last 5 %; it is not any more when usage is below those 5 %. After a time of that (`[quota]
 * over_quota_after`) it is *overdue*: its mail is refused or held until there is room. Kept across restarts.
 */
import type { Clock } from '../core/clock.ts';
import type { KeptRecords } from '../core/record-keeper.ts';
import type { MailUser } from './mail-user.ts';
import type { QuotaRoot } from './quota-limits.ts';
import type { SeenUsage } from './quota-meter.ts';

/** An account over the limit of one root. */
export interface OverQuotaRecord {
  readonly address: string;
  /** Name of the root. */
  readonly root: string;
  /** In milliseconds since 1970. */
  readonly since: number;
  readonly isOverdue: boolean;
}

export interface OverQuotaOptions {
  readonly afterMs: number;
  readonly clock: Clock;
  /** Hears of an account whose mail is refused or held from now on, and of one whose mail is not any more. */
  readonly onChange: (address: string, isOverdue: boolean) => void;
}

interface State {
  readonly since: number;
  isOverdue: boolean;
}

const BACK_BELOW = 0.95;
const MAX_ACCOUNTS = 100_000;

export class OverQuota implements KeptRecords<OverQuotaRecord> {
  readonly #options: OverQuotaOptions;
  /** By address, and by name of root. */
  readonly #accounts = new Map<string, Map<string, State>>();
  revision = 0;

  constructor(options: OverQuotaOptions) {
    this.#options = options;
  }

  get size(): number {
    return this.#accounts.size;
  }

  /** Whether mail for the account is to be refused or held. */
  isOverdue(address: string): boolean {
    for (const { isOverdue } of this.#accounts.get(address)?.values() ?? []) if (isOverdue) return true;
    return false;
  }

  /** Takes what an account holds in a root. */
  observe(
    { name, scope, isEnforcing }: Pick<QuotaRoot, 'name' | 'scope' | 'isEnforcing'>,
    { address }: Pick<MailUser, 'address'>,
    usage: SeenUsage,
  ): void {
    if (scope !== 'user' || !isEnforcing) return;
    const wasOver = this.#accounts.get(address)?.has(name) === true;
    const share = findShare(usage);
    const isOver = share >= 1 || (share >= BACK_BELOW && (wasOver || usage.isRefused));
    if (isOver === wasOver) return;
    if (isOver) this.#add({ address, root: name, since: this.#options.clock.now(), isOverdue: false });
    else this.#remove(address, name);
    this.revision += 1;
  }

  /** Accounts to be measured again: they are overdue, or will be once that has shown them to be over still. */
  due(): string[] {
    const now = this.#options.clock.now();
    const isDue = (state: State): boolean => state.isOverdue || this.#isLong(state, now);
    return [...this.#accounts].filter(([, roots]) => [...roots.values()].some(isDue)).map(([address]) => address);
  }

  /** Makes an account overdue that was over long enough; to be called right after it was measured. */
  review(address: string): void {
    const wasOverdue = this.isOverdue(address);
    const now = this.#options.clock.now();
    for (const state of this.#accounts.get(address)?.values() ?? []) state.isOverdue ||= this.#isLong(state, now);
    if (wasOverdue || !this.isOverdue(address)) return;
    this.revision += 1;
    this.#options.onChange(address, true);
  }

  /** The account is gone. */
  forget(address: string): void {
    if (this.#accounts.delete(address)) this.revision += 1;
  }

  *list(): Iterable<OverQuotaRecord> {
    for (const [address, roots] of this.#accounts)
      for (const [root, { since, isOverdue }] of roots) yield { address, root, since, isOverdue };
  }

  restore(record: OverQuotaRecord): void {
    this.#add(record);
  }

  forgetAll(): void {
    this.#accounts.clear();
    this.revision += 1;
  }

  #isLong({ since }: State, now: number): boolean {
    return now - since >= this.#options.afterMs;
  }

  #add({ address, root, since, isOverdue }: OverQuotaRecord): void {
    let roots = this.#accounts.get(address);
    if (roots === undefined) {
      // So many at once are no matter of accounts; the next look finds those that were left out.
      if (this.#accounts.size >= MAX_ACCOUNTS) return;
      roots = new Map();
      this.#accounts.set(address, roots);
    }
    roots.set(root, { since, isOverdue });
  }

  #remove(address: string, root: string): void {
    const wasOverdue = this.isOverdue(address);
    const roots = this.#accounts.get(address);
    roots?.delete(root);
    if (roots?.size === 0) this.#accounts.delete(address);
    if (wasOverdue && !this.isOverdue(address)) this.#options.onChange(address, false);
  }
}

/** How full it is, of whichever limit is nearer; 1 is full. */
function findShare({ bytes, messages, limits }: SeenUsage): number {
  return Math.max(
    limits.storageBytes > 0 ? bytes / limits.storageBytes : 0,
    limits.messages > 0 ? messages / limits.messages : 0,
  );
}
