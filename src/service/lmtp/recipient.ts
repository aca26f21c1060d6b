/**
 * What RCPT says about one address: where its mail goes, or why not. It asks the directory first, then what stands
 * against delivery: aliases that Postfix should have expanded (RULES 10), another host (RULES 11), the account's
 * switch, its location (RULES 12 to 14), its quota (RULES 20). A probe of Postfix's verify(8) hears of existence only.
 */
import type { Directory, Resolution, Target } from '../../directory/directory.ts';
import type { Account } from '../../directory/source.ts';
import type { Mailbox } from '../../mail/delivery.ts';
import type { LocatedMailbox } from '../../mail/mail-store.ts';
import type { MailUser } from '../../mail/mail-user.ts';
import {
  deferred,
  refused,
  worstOutcome,
  type Deferred,
  type DeliveryOutcome,
  type Refused,
} from '../../mail/outcome.ts';
import type { QuotaDemand } from '../../mail/quota-meter.ts';
import type { QuotaVerdict } from '../../mail/quota-verdict.ts';

export interface RecipientPorts {
  readonly directory: Directory;
  /** The mail store. */
  readonly store: { locate(user: MailUser, detail: string | undefined): LocatedMailbox };
  readonly meter: { check(user: MailUser, demand: QuotaDemand): Promise<QuotaVerdict> };
  /** A full mailbox refuses (552) or defers (452). */
  readonly fullMailbox: 'refuse' | 'defer';
}

/** What is known of the transaction when RCPT comes. */
export interface RecipientContext {
  /** Empty for `<>`. */
  readonly sender: string;
  readonly isProbe: boolean;
  /** As announced by `SIZE=`, or 0. */
  readonly sizeBytes: number;
  readonly isOverloaded: boolean;
}

/** One RCPT answered 250: exactly one reply after the dot (RULES 1). */
export interface AcceptedRecipient {
  /** The address as it came, for replies, headers and the log. */
  readonly path: string;
  readonly mailboxes: readonly Mailbox[];
  /** What is certain already for targets that have no mailbox here. */
  readonly outcomes: readonly (Refused | Deferred)[];
}

export type RecipientDecision =
  | { readonly kind: 'accepted'; readonly recipient: AcceptedRecipient }
  | { readonly kind: 'rejected'; readonly outcome: Refused | Deferred };

type Verdict = { readonly kind: 'mailbox'; readonly mailbox: Mailbox } | Refused | Deferred;

/** Decides about one recipient; rejects only with faults nobody foresaw. */
export async function decideRecipient(
  path: string,
  context: RecipientContext,
  ports: RecipientPorts,
): Promise<RecipientDecision> {
  if (context.isOverloaded && !context.isProbe) return reject(deferred('overloaded'));
  const lookup = await ports.directory.resolve(path);
  switch (lookup.kind) {
    case 'absent':
      return reject(refused('unknown-user'));
    case 'unavailable':
      return reject(deferred('directory-unavailable', lookup.reason));
    case 'found':
      return decideFound(path, judgeResolution(lookup.value, ports), context, ports);
  }
}

async function decideFound(
  path: string,
  verdicts: readonly Verdict[],
  context: RecipientContext,
  ports: RecipientPorts,
): Promise<RecipientDecision> {
  const outcomes = verdicts.flatMap((verdict) => (verdict.kind === 'mailbox' ? [] : [verdict]));
  const mailboxes = verdicts.flatMap((verdict) => (verdict.kind === 'mailbox' ? [verdict.mailbox] : []));
  const accepted: RecipientDecision = { kind: 'accepted', recipient: { path, mailboxes, outcomes } };
  if (context.isProbe) {
    // Held or broken is not absent: Postfix would keep "deferred" for hours (RULES 20). Refused is refused.
    const exists = mailboxes.length > 0 || outcomes.some((outcome) => outcome.kind === 'deferred');
    return exists ? accepted : reject(worst(outcomes));
  }
  if (mailboxes.length === 0) return reject(worst(outcomes));
  // A bounce hears of quota only after the dot (RULES 20).
  if (context.sender === '') return accepted;
  const full = await findFull(mailboxes, context.sizeBytes, ports);
  return full.length < mailboxes.length ? accepted : reject(worst([...outcomes, ...full]));
}

/** The mailboxes without room for the announced size. Where that cannot be told, delivery decides. */
async function findFull(
  mailboxes: readonly Mailbox[],
  bytes: number,
  { meter, fullMailbox }: RecipientPorts,
): Promise<(Refused | Deferred)[]> {
  const verdicts = await Promise.all(
    mailboxes.map(({ user, folder }) => meter.check(user, { bytes, messages: 1, folder })),
  );
  return verdicts.flatMap((verdict) => {
    switch (verdict.kind) {
      case 'fits':
      case 'unknown':
        return [];
      case 'over':
        return [fullMailbox === 'refuse' ? refused('over-quota') : deferred('over-quota')];
      case 'too-large':
        return [refused(verdict.than === 'quota' ? 'too-large-for-quota' : 'message-too-large')];
    }
  });
}

function judgeResolution(resolution: Resolution, { store }: RecipientPorts): readonly Verdict[] {
  const { targets, fault } = resolution;
  if (fault !== undefined) return [deferred('alias-fault', fault)];
  const remote = targets.find((target) => target.kind === 'remote');
  if (remote !== undefined) return [deferred('alias-remote', remote.address)];
  return targets.map((target) => judgeTarget(target, store));
}

function judgeTarget(target: Target, store: RecipientPorts['store']): Verdict {
  switch (target.kind) {
    case 'remote':
      return deferred('alias-remote', target.address);
    case 'missing':
      return refused('unknown-user');
    case 'account':
      return judgeAccount(target.account, target.detail, store);
  }
}

function judgeAccount(account: Account, detail: string | undefined, store: RecipientPorts['store']): Verdict {
  if (account.host !== undefined) return deferred('other-host', account.host);
  switch (account.receive) {
    case 'refuse':
      return refused('receive-off');
    case 'hold':
      return deferred('held');
    case 'accept':
      return store.locate(account, detail);
  }
}

function reject(outcome: Refused | Deferred): RecipientDecision {
  return { kind: 'rejected', outcome };
}

function worst(outcomes: readonly (Refused | Deferred)[]): Refused | Deferred {
  const [first = deferred('fault', 'no target'), ...others] = outcomes;
  return asRejection(worstOutcome([first, ...others]));
}

function asRejection(outcome: DeliveryOutcome): Refused | Deferred {
  return outcome.kind === 'delivered' ? deferred('fault', 'nothing was delivered yet') : outcome;
}
