/**
 * Whether one more message fits: the rules of every quota root (`quota-limits.ts`) against what is kept
 * (`usage-cache.ts`, `domain-usage.ts`). LMTP and policy ask this one meter, so they give one verdict
 * (`quota-verdict.ts`). Room is taken in the same turn in which it was found to be there, in every root at once: that is
 * what keeps deliveries that meet at a limit from going past it together.
 */
import { domainOf } from '../core/address.ts';
import type { UserQuotaRule } from '../core/quota-rule.ts';
import type { DomainUsage } from './domain-usage.ts';
import type { MailUser } from './mail-user.ts';
import type { NameMaker, UniqueName } from './maildir-name.ts';
import { RootPlan, type MailboxLimits, type QuotaRoot } from './quota-limits.ts';
import { isNearLimit, judgeRoom, type QuotaVerdict, type Room, type RootRoom } from './quota-verdict.ts';
import type { MeasuredUsage, ReservedDelivery, Reservation } from './measured-usage.ts';
import type { FoundUsage, UsageCache } from './usage-cache.ts';

export interface QuotaMeterOptions {
  readonly usage: UsageCache;
  readonly names: NameMaker;
  /** Sums of domains, for roots that limit them. */
  readonly domains: DomainUsage;
  /** `[quota]` first. */
  readonly roots: readonly QuotaRoot[];
  /** No message may be larger; 0 is no limit. */
  readonly maxMailBytes: number;
  /** `lda_mailbox_autocreate`: a folder that is not there may still be where mail goes. */
  readonly canCreateFolders: boolean;
  /** Hears what an account holds in a root whenever that is looked at, and after each delivery. */
  readonly onUsage?: (root: QuotaRoot, user: MailUser, usage: SeenUsage) => void;
  /** The name that rules have of a folder directory; undefined is the INBOX. */
  readonly nameOf: (folder: string | undefined) => string;
}

/** What somebody wants to add, and where. */
export interface QuotaDemand extends Room {
  /** Directory of the folder below the Maildir++ root; undefined for the INBOX. */
  readonly folder?: string | undefined;
  /** Room promised to messages that are on their way, and not yet with us. */
  readonly held?: { readonly account: Room; readonly domain: Room };
}

/** What is about to be stored. */
export interface NewMessage {
  readonly bytes: number;
  /** As in QuotaDemand. */
  readonly folder: string | undefined;
  /** A notice of ours: it is stored however full the mailbox is (RULES 44). */
  readonly isNotice?: boolean;
}

/** How full an account is in one root. */
export interface SeenUsage extends Room {
  readonly limits: MailboxLimits;
  /** It changed by a notice of ours. */
  readonly isOwnNotice: boolean;
  /** A message did not fit in this moment. */
  readonly isRefused: boolean;
}

export type ReserveVerdict =
  | { readonly kind: 'reserved'; readonly name: UniqueName; readonly reservation: Reservation }
  | Exclude<QuotaVerdict, { kind: 'fits' }>;

/** One root of an account. */
export interface RootUsage {
  readonly name: string;
  readonly scope: QuotaRoot['scope'];
  readonly isEnforcing: boolean;
  readonly used: Room;
  readonly limits: MailboxLimits;
}

export type UsageVerdict =
  | { readonly kind: 'measured'; readonly roots: readonly RootUsage[] }
  | { readonly kind: 'unknown'; readonly reason: string };

/** What is known of an account and its domain; right until the caller waits for something. */
interface Holdings {
  readonly user: FoundUsage | undefined;
  readonly domain: FoundUsage | undefined;
}

/** How long policy and RCPT wait for a measurement; a delivery waits longer. */
const CHECK_WAIT_MS = 1000;
const FITS: QuotaVerdict = Object.freeze({ kind: 'fits' });
const NO_ROOM: Room = Object.freeze({ bytes: 0, messages: 0 });
const NOTHING: Reservation = Object.freeze({ finish: () => undefined, cancel: () => undefined });

export class QuotaMeter {
  readonly #options: QuotaMeterOptions;
  /** Most accounts share one list of rules, or have none. */
  readonly #plans = new WeakMap<readonly UserQuotaRule[], readonly RootPlan[]>();

  constructor(options: QuotaMeterOptions) {
    this.#options = options;
  }

  /** Whether `demand` fits now; takes nothing. Answers within a second, with `unknown` when it cannot tell. */
  async check(user: MailUser, demand: QuotaDemand): Promise<QuotaVerdict> {
    if (this.#isTooLarge(demand.bytes)) return { kind: 'too-large', than: 'any-mail' };
    const target = { ...demand, folder: await this.#findTarget(user, demand.folder) };
    const plans = this.#findLimiting(user, target.folder);
    if (plans.length === 0) return { kind: 'fits' };
    const holdings = await this.#measure(user, plans, { demand: target, waitMs: CHECK_WAIT_MS });
    const verdict = this.#judge(plans, holdings, target);
    this.#tell(user, plans, holdings, { isRefused: verdict.kind === 'over' });
    return verdict;
  }

  /**
   * Takes room for one message about to be delivered, and makes its name in the same turn: a measurement that begins
   * between the two would not know what to look for.
   */
  async reserve(
    user: MailUser,
    { bytes, folder, isNotice = false }: NewMessage,
    waitMs: number,
  ): Promise<ReserveVerdict> {
    const { names } = this.#options;
    if (this.#isTooLarge(bytes) && !isNotice) return { kind: 'too-large', than: 'any-mail' };
    const plans = this.#findLimiting(user, folder);
    if (plans.length === 0) return { kind: 'reserved', name: names.make(), reservation: NOTHING };
    const demand: QuotaDemand = { bytes, messages: 1, folder };
    const holdings = await this.#measure(user, plans, { demand, waitMs });
    // From here to the end nothing is waited for.
    const verdict = isNotice ? FITS : this.#judge(plans, holdings, demand);
    this.#tell(user, plans, holdings, { isRefused: verdict.kind === 'over' });
    if (verdict.kind !== 'fits') return verdict;
    const found = [holdings.user, holdings.domain].flatMap((one) => (one?.kind === 'found' ? [one.usage] : []));
    const name = names.make();
    const all = reserveAll(found, { bytes, folder, sequence: name.sequence });
    const finish = (): void => {
      all.finish();
      this.#tell(user, plans, holdings, { isOwnNotice: isNotice });
    };
    return { kind: 'reserved', name, reservation: { ...all, finish } };
  }

  /** What the account holds in every root that takes notice of it, and may hold. */
  async measure(user: MailUser, waitMs = CHECK_WAIT_MS): Promise<UsageVerdict> {
    const plans = this.#plansOf(user).filter(({ isTracked }) => isTracked);
    const holdings = await this.#measure(user, plans, { demand: NO_ROOM, waitMs });
    const roots: RootUsage[] = [];
    for (const plan of plans) {
      const found = holdings[plan.root.scope];
      if (found?.kind !== 'found') return { kind: 'unknown', reason: found?.reason ?? 'no measurement' };
      const { name, scope, isEnforcing } = plan.root;
      roots.push({ name, scope, isEnforcing, used: this.#count(found.usage, plan), limits: plan.limits });
    }
    return { kind: 'measured', roots };
  }

  /** Measures the account anew, whatever is known of it, limit or not. */
  async recalculate(user: MailUser, waitMs = CHECK_WAIT_MS): Promise<UsageVerdict> {
    const found = await this.#options.usage.recalculate(user, waitMs);
    return found.kind === 'unknown' ? found : this.measure(user, waitMs);
  }

  #tell(
    user: MailUser,
    plans: readonly RootPlan[],
    holdings: Holdings,
    { isOwnNotice = false, isRefused = false }: Partial<Pick<SeenUsage, 'isOwnNotice' | 'isRefused'>>,
  ): void {
    const { onUsage } = this.#options;
    if (onUsage === undefined) return;
    for (const plan of plans) {
      const found = holdings[plan.root.scope];
      if (found?.kind !== 'found') continue;
      onUsage(plan.root, user, { ...this.#count(found.usage, plan), limits: plan.limits, isOwnNotice, isRefused });
    }
  }

  #isTooLarge(bytes: number): boolean {
    const { maxMailBytes } = this.#options;
    return maxMailBytes > 0 && bytes > maxMailBytes;
  }

  /** Where mail for a folder will go: to the INBOX when there is no such folder, and none may be made. */
  async #findTarget(user: MailUser, folder: string | undefined): Promise<string | undefined> {
    const { usage, canCreateFolders } = this.#options;
    if (folder === undefined || canCreateFolders || !this.#plansOf(user).some(({ hasLimit }) => hasLimit))
      return folder;
    const found = await usage.find(user, { isNear: () => false, waitMs: CHECK_WAIT_MS });
    return found.kind === 'found' && !found.usage.mailboxes().has(folder) ? undefined : folder;
  }

  #plansOf(user: MailUser): readonly RootPlan[] {
    let plans = this.#plans.get(user.quota);
    if (plans === undefined) {
      plans = this.#options.roots.map((root, i) => new RootPlan(root, { position: i + 1, userRules: user.quota }));
      this.#plans.set(user.quota, plans);
    }
    return plans;
  }

  /** The roots with a limit for mail to this mailbox, those that never refuse included: they count all the same. */
  #findLimiting(user: MailUser, folder: string | undefined): readonly RootPlan[] {
    const mailbox = this.#options.nameOf(folder);
    return this.#plansOf(user).filter((plan) => {
      const { storageBytes, messages } = plan.limitsFor(mailbox);
      return storageBytes > 0 || messages > 0;
    });
  }

  async #measure(
    user: MailUser,
    plans: readonly RootPlan[],
    { demand, waitMs }: { readonly demand: QuotaDemand; readonly waitMs: number },
  ): Promise<Holdings> {
    const { usage, domains } = this.#options;
    const ofScope = (scope: QuotaRoot['scope']): RootPlan[] => plans.filter(({ root }) => root.scope === scope);
    const [personal, shared] = [ofScope('user'), ofScope('domain')];
    const isTight = (measured: MeasuredUsage): boolean =>
      personal.some((plan) => isNearLimit(this.#toRoom(plan, measured, demand), demand));
    // The account last: what was found stays right only until the next wait.
    const domain = shared.length === 0 ? undefined : await domains.find(domainOf(user.address), { user, waitMs });
    const own = personal.length === 0 ? undefined : await usage.find(user, { isNear: isTight, waitMs });
    return { user: own, domain };
  }

  #judge(plans: readonly RootPlan[], holdings: Holdings, demand: QuotaDemand): QuotaVerdict {
    const rooms: RootRoom[] = [];
    for (const plan of plans) {
      const found = holdings[plan.root.scope];
      if (!plan.root.isEnforcing) continue;
      if (found?.kind !== 'found') return { kind: 'unknown', reason: found?.reason ?? 'no measurement' };
      rooms.push(this.#toRoom(plan, found.usage, demand));
    }
    return judgeRoom(rooms, demand);
  }

  #toRoom(plan: RootPlan, measured: MeasuredUsage, { folder, held }: QuotaDemand): RootRoom {
    const used = this.#count(measured, plan);
    const promised = plan.root.scope === 'user' ? held?.account : held?.domain;
    return {
      limits: plan.limitsFor(this.#options.nameOf(folder)),
      graceBytes: plan.graceBytes,
      used: promised === undefined ? used : add(used, promised),
    };
  }

  /** What counts in this root. */
  #count(measured: MeasuredUsage, plan: RootPlan): Room {
    if (!plan.canIgnore) return measured.total();
    let counted = NO_ROOM;
    for (const [folder, room] of measured.mailboxes()) {
      const name = this.#options.nameOf(folder === '' ? undefined : folder);
      if (!plan.ignores(name)) counted = add(counted, room);
    }
    return counted;
  }
}

function add(a: Room, b: Room): Room {
  return { bytes: a.bytes + b.bytes, messages: a.messages + b.messages };
}

function reserveAll(measured: readonly MeasuredUsage[], delivery: ReservedDelivery): Reservation {
  const reservations = measured.map((one) => one.reserve(delivery));
  return {
    finish: () => {
      for (const reservation of reservations) reservation.finish();
    },
    cancel: () => {
      for (const reservation of reservations) reservation.cancel();
    },
  };
}
