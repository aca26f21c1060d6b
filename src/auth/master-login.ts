/**
 * The second half of a master login: whether the one it is for may be logged in as. They need no password, but they must
 * be known to a passdb that is not for masters, be allowed to log in, and have an account: a master is let in as somebody,
 * never as nobody (facts: Dovecot lets them).
 */
import { unavailable, type Lookup } from '../core/outcome.ts';
import type { AttemptLookups } from './attempt-lookups.ts';
import type { Attempt } from './attempt.ts';
import { runChain, type ChainLogin, type ChainOutcome } from './chain.ts';
import type { ChainStep } from './chain-step.ts';
import type { NetworkReader } from './entry-networks.ts';
import { judgeOwner } from './refusals.ts';

export interface TargetPorts {
  readonly networks: NetworkReader;
  /** Asks the directory for an account by its canonical address. */
  readonly findAccount: (address: string) => Promise<Lookup<unknown>>;
}

export interface TargetLogin {
  readonly attempt: Attempt;
  readonly target: string;
  /** The passdbs that are not for masters. */
  readonly steps: readonly ChainStep[];
  readonly lookups: AttemptLookups;
  readonly trace?: ChainLogin['trace'];
}

/** Decides whether a recognised master may log in as the target. */
export async function judgeTarget(login: TargetLogin, ports: TargetPorts): Promise<ChainOutcome> {
  const { attempt, target, steps, lookups, trace } = login;
  const masterUser = attempt.name.username;
  const outcome = await runChain(steps, {
    username: target,
    mechanism: attempt.context.mechanism,
    ask: (step, { username }) => lookups.ask(step, { username, masterUser }),
    judge: (entry) => Promise.resolve(judgeOwner(entry, attempt, ports.networks)),
    restrict: (entry) => judgeOwner(entry, attempt, ports.networks),
    trace,
  });
  if (outcome.kind === 'unavailable') return outcome;
  const unknown = { kind: 'rejected', reason: 'unknown-target', hasNoDelay: false, fields: outcome.fields } as const;
  if (outcome.kind === 'rejected') return outcome.reason === 'unknown-user' ? unknown : outcome;
  // A rule may have made a success of nobody.
  if (outcome.entry === undefined) return unknown;
  const account = await ports.findAccount(outcome.user);
  switch (account.kind) {
    case 'found':
      return outcome;
    case 'absent':
      return unknown;
    case 'unavailable':
      return unavailable(`account of the target: ${account.reason}`);
  }
}
