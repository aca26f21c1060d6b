/**
 * Makes the outcome of a login of what the chain says: under which name, who acted, and whether the client is told that it
 * needs an app password. That is said for every failure where everybody needs one, or for none (RULES 41).
 */
import type { Attempt } from './attempt.ts';
import type { ChainOutcome } from './chain.ts';
import type { LoginOutcome, Rejected, RejectReason } from './login.ts';
import type { Passdb } from './passdb.ts';

export interface VerdictOptions {
  readonly passdbs: readonly Passdb[];
  /** App passwords are required of everybody. */
  readonly areAppPasswordsRequired: boolean;
}

export interface VerdictDetails {
  readonly attempt: Attempt;
  readonly isCached: boolean;
  /** Label of the app password that was recognised. */
  readonly appPassword?: string | undefined;
}

export class VerdictWriter {
  readonly #options: VerdictOptions;

  constructor(options: VerdictOptions) {
    this.#options = options;
  }

  write(outcome: ChainOutcome, { attempt, isCached, appPassword }: VerdictDetails): LoginOutcome {
    const { masterUser } = attempt;
    switch (outcome.kind) {
      case 'accepted': {
        const { user, passdb } = outcome;
        return {
          kind: 'accepted',
          user,
          isCached,
          ...(passdb === undefined ? {} : { passdb }),
          ...(masterUser === undefined ? {} : { masterUser }),
          ...(appPassword === undefined ? {} : { appPassword }),
        };
      }
      case 'rejected': {
        const rejected = this.reject(outcome.reason, attempt);
        return outcome.hasNoDelay ? { ...rejected, hasNoDelay: true } : rejected;
      }
      case 'unavailable':
        return outcome;
    }
  }

  /** A rejection; without an attempt nobody was looked up. */
  reject(reason: RejectReason, attempt?: Attempt): Rejected {
    const user = attempt?.user;
    const masterUser = attempt?.masterUser;
    return {
      kind: 'rejected',
      reason,
      user,
      ...(masterUser === undefined ? {} : { masterUser }),
      ...(this.#tellsAppPassword(user) ? { tellsAppPassword: true } : {}),
    };
  }

  #tellsAppPassword(user: string | undefined): boolean {
    if (this.#options.areAppPasswordsRequired) return true;
    const at = user?.lastIndexOf('@') ?? -1;
    if (user === undefined || at === -1) return false;
    const domain = user.slice(at + 1);
    return this.#options.passdbs.some((passdb) => passdb.requiresAppPassword?.(domain) === true);
  }
}
