/**
 * One attempt on its way to a verdict: who, from where, with what, and how much of its time is left. It is opened when the
 * names are known and before anything is looked up.
 */
import type { HashOptions, HashPriority } from './hasher.ts';
import type { LoginContext } from './login.ts';
import type { LoginName } from './username.ts';

/** SASL answers within 8 s, of which a failure may wait half a second for its mark (RULES 21, 40). */
export const DEADLINE_MS = 7000;

export interface AttemptStart {
  readonly name: LoginName;
  readonly context: LoginContext;
  /** Of `performance.now()`. */
  readonly startedAt: number;
  readonly limitMs: number;
}

export class Attempt {
  readonly name: LoginName;
  readonly context: LoginContext;
  readonly #endsAt: number;
  /** Whose turn its hashes are. */
  priority: HashPriority = 'usual';
  /** A slow hash was compared for it: what fails without has yet to pay for one (RULES 40). */
  isHashed = false;

  constructor({ name, context, startedAt, limitMs }: AttemptStart) {
    this.name = name;
    this.context = context;
    this.#endsAt = startedAt + limitMs;
  }

  /** Who the login is for. */
  get user(): string {
    return this.name.target?.username ?? this.name.username;
  }

  /** Who acts as somebody else. */
  get masterUser(): string | undefined {
    return this.name.target === undefined ? undefined : this.name.username;
  }

  get hashOptions(): HashOptions {
    const deadlineMs = Math.max(0, this.#endsAt - performance.now());
    return { priority: this.priority, deadlineMs, user: this.name.typedName };
  }
}
