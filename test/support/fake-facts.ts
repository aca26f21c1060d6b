/** Facts for the policy rules: a few accounts and aliases in memory, with usage, and outages on request. */
import { ABSENT, found, unavailable, type Lookup } from '../../src/core/outcome.ts';
import type {
  PolicyAccount,
  PolicyFacts,
  PolicyRoute,
  PolicyTarget,
  RoomQuestion,
  RoomVerdict,
} from '../../src/policy/facts.ts';
import { userQuota } from './quota.ts';

/** `max_mail_size`. */
const MAX_MAIL_BYTES = 1_000_000;

export class FakeFacts implements PolicyFacts {
  readonly accounts = new Map<string, PolicyAccount>();
  readonly aliases = new Map<string, PolicyRoute>();
  /** Who may use an address as sender. */
  readonly owners = new Map<string, readonly string[]>();
  /** Bytes in use; an account without a figure has not been measured. */
  readonly usage = new Map<string, number>();
  /** While set, the directory cannot tell anything. */
  isDown = false;
  /** Every question for room, in order. */
  readonly asked: RoomQuestion[] = [];

  /** Adds an account with a limit of 1000 bytes of which `usedBytes` are taken. */
  add(address: string, usedBytes: number, fields: Partial<PolicyAccount> = {}): PolicyAccount {
    const account: PolicyAccount = {
      address,
      canSend: true,
      receive: 'accept',
      quota: userQuota('*:storage=1000B'),
      ...fields,
    };
    this.accounts.set(address, account);
    this.usage.set(address, usedBytes);
    return account;
  }

  /** Adds an alias; a target that is no account here is remote, or missing when it is in `example.com`. */
  alias(address: string, targets: readonly string[], fault?: 'loop' | 'limit'): void {
    const ends = targets.map((target): PolicyTarget => {
      const account = this.accounts.get(target);
      if (account !== undefined) return { kind: 'account', account };
      return { kind: target.endsWith('@example.com') ? 'missing' : 'remote' };
    });
    this.aliases.set(address, { targets: ends, fault });
  }

  resolve(address: string): Promise<Lookup<PolicyRoute>> {
    if (this.isDown) return Promise.resolve(unavailable('test'));
    const account = this.accounts.get(address);
    const route =
      account === undefined ? this.aliases.get(address) : ({ targets: [{ kind: 'account', account }] } as const);
    return Promise.resolve(route === undefined ? ABSENT : found(route));
  }

  findAccount(address: string): Promise<Lookup<PolicyAccount>> {
    if (this.isDown) return Promise.resolve(unavailable('test'));
    const account = this.accounts.get(address);
    return Promise.resolve(account === undefined ? ABSENT : found(account));
  }

  findSenders(address: string): Promise<Lookup<readonly string[]>> {
    if (this.isDown) return Promise.resolve(unavailable('test'));
    const owners = this.owners.get(address);
    return Promise.resolve(owners === undefined ? ABSENT : found(owners));
  }

  checkRoom(question: RoomQuestion): Promise<RoomVerdict> {
    this.asked.push(question);
    const { account, wanted, held } = question;
    const used = this.usage.get(account.address);
    const [rule] = account.quota.map((one) => one.rule);
    const limit = (rule?.kind === 'root' ? rule.storageBytes : undefined) ?? Number.POSITIVE_INFINITY;
    if (used === undefined) return Promise.resolve({ kind: 'unknown', reason: 'not measured' });
    if (wanted.bytes > MAX_MAIL_BYTES) return Promise.resolve({ kind: 'too-large', than: 'any-mail' });
    if (wanted.bytes > limit) return Promise.resolve({ kind: 'too-large', than: 'quota' });
    return Promise.resolve({ kind: used + held.account.bytes + wanted.bytes > limit ? 'over' : 'fits' });
  }
}
