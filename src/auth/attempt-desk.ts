/**
 * Where attempts come in and go out: reads whose name was typed, has the attempt wait if it must, and has its end
 * counted. What happens in between is not known here.
 */
import { foldCase } from '../core/address.ts';
import type { AttemptLimits, Attempt as CountedAttempt } from './attempt-limits.ts';
import { Attempt } from './attempt.ts';
import type { LoginContext, LoginOutcome } from './login.ts';
import { isLoopback, type NetworkList } from './networks.ts';
import type { NameFault, TypedNames, UsernameReader } from './username.ts';

/** The places of those who wait on purpose; see `delay-slots.ts`. */
export interface WaitingRoom {
  /** Waits; false, at once, when no place is free. */
  wait(waitMs: number, remoteAddress: string): Promise<boolean>;
}

export interface DeskOptions {
  readonly usernames: UsernameReader;
  readonly limits: AttemptLimits;
  readonly waitingRoom: WaitingRoom;
  readonly trustedNetworks: NetworkList;
  readonly limitMs: number;
}

export type Opening =
  { readonly kind: 'open'; readonly attempt: Attempt } | { readonly kind: 'rejected'; readonly reason: NameFault };

export class AttemptDesk {
  readonly #options: DeskOptions;

  constructor(options: DeskOptions) {
    this.#options = options;
  }

  /** Opens an attempt, after the wait that the limits want. */
  async open(typed: TypedNames, context: LoginContext): Promise<Opening> {
    const { limits, waitingRoom, limitMs } = this.#options;
    const startedAt = performance.now();
    const name = this.#options.usernames.read(typed, context);
    if (typeof name === 'string') return { kind: 'rejected', reason: name };
    const attempt = new Attempt({ name, context, startedAt, limitMs });
    if (this.#isFree(attempt)) return { kind: 'open', attempt };
    const { delayMs, priority } = limits.judge(countedBy(name.username, context));
    attempt.priority = priority;
    // Whoever finds no place pays with their turn instead.
    if (delayMs > 0 && !(await waitingRoom.wait(delayMs, context.remoteAddress))) attempt.priority = 'penalised';
    return { kind: 'open', attempt };
  }

  /** Counts how an attempt ended; an outage says nothing about anybody. */
  close(attempt: Attempt, outcome: LoginOutcome, password?: Buffer): void {
    if (this.#isFree(attempt)) return;
    const { limits } = this.#options;
    const counted = countedBy(attempt.name.username, attempt.context);
    if (outcome.kind === 'accepted') limits.succeeded(counted);
    else if (outcome.kind === 'rejected') limits.failed(counted, password);
  }

  /** Whether a login as it comes over the wire again and again may be taken at once, and then counts it. */
  passes(username: string, context: LoginContext): boolean {
    const { limits } = this.#options;
    if (context.skipsPenalty === true && this.#isTrusted(context.remoteAddress)) return true;
    const counted = countedBy(username, context);
    if (limits.judge(counted).delayMs > 0) return false;
    limits.succeeded(counted);
    return true;
  }

  /** Whoever asks to be spared is, if this machine or a trusted one asks, and never to act as somebody else. */
  #isFree({ name, context }: Attempt): boolean {
    return context.skipsPenalty === true && name.target === undefined && this.#isTrusted(context.remoteAddress);
  }

  #isTrusted(remoteAddress: string): boolean {
    return isLoopback(remoteAddress) || this.#options.trustedNetworks.contains(remoteAddress);
  }
}

/** A name in another case, where `username_format` leaves that, is no other user. */
function countedBy(username: string, { remoteAddress }: LoginContext): CountedAttempt {
  return { user: foldCase(username), remoteAddress };
}
