/**
 * The policy service: listens, and gives each connection a session. Wired into Postfix by `check_policy_service`;
 * see SMTPD_POLICY_README and facts/postfix.md B.
 */
import type { Logger } from '../../core/logger.ts';
import type { Service } from '../../core/service.ts';
import { Listener, type ListeningOptions } from '../../net/listener.ts';
import { openPolicySession, type PolicyCounters, type PolicyDecider } from './session.ts';

export interface PolicyServiceOptions extends ListeningOptions {
  /** At least 20 minutes: a closed idle connection costs Postfix a second (facts/postfix.md 0). */
  readonly idleMs: number;
  /** What a sender reads when a mailbox is full. */
  readonly exceededMessage: string;
  /** What a login reads that sent too much. */
  readonly rateMessage: string;
  /** Longest wait for a decision, below Postfix's own; for tests. */
  readonly deadlineMs?: number;
}

/** Under the 10 s that `postern postfix` prints as timeout. */
const DEADLINE_MS = 8000;

export class PolicyService implements Service {
  readonly counters: PolicyCounters = { answered: 0, rejected: 0, deferred: 0, faults: 0, late: 0, overloaded: 0 };
  readonly #listener: Listener;

  constructor(options: PolicyServiceOptions, { logger, decider }: { logger: Logger; decider: PolicyDecider }) {
    const { idleMs, exceededMessage, rateMessage } = options;
    this.#listener = new Listener({
      listening: options,
      logger,
      onConnection: (connection) =>
        openPolicySession({
          connection,
          logger: logger.child({ session: connection.id }),
          decider,
          texts: { exceededMessage, rateMessage },
          idleMs,
          deadlineMs: options.deadlineMs ?? DEADLINE_MS,
          counters: this.counters,
        }),
    });
  }

  bind(): Promise<void> {
    return this.#listener.bind();
  }

  start(): Promise<void> {
    this.#listener.open();
    return Promise.resolve();
  }

  stop(graceMs: number): Promise<void> {
    return this.#listener.stop(graceMs);
  }
}
