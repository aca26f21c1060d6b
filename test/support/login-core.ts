/** The login core over passdbs of a test, with everything a test does not care about as if nobody had configured it. */
import { NO_UPDATES } from '../../src/auth/account-updates.ts';
import { NO_LIMITS } from '../../src/auth/attempt-limits.ts';
import {
  PasswordAuthenticator,
  type AuthenticatorOptions,
  type AuthenticatorPorts,
} from '../../src/auth/authenticator.ts';
import { PLAIN_RULES, type ChainStep, type StepRules } from '../../src/auth/chain-step.ts';
import { parseNetworks } from '../../src/auth/networks.ts';
import type { Passdb } from '../../src/auth/passdb.ts';
import { UsernameReader } from '../../src/auth/username.ts';
import { systemClock } from '../../src/core/clock.ts';
import { ABSENT } from '../../src/core/outcome.ts';

export type LoginCoreOptions = Partial<AuthenticatorOptions> &
  Partial<AuthenticatorPorts> &
  Pick<AuthenticatorPorts, 'hasher' | 'logger'>;

export function createLoginCore(options: LoginCoreOptions): PasswordAuthenticator {
  const ports: AuthenticatorPorts = {
    limits: NO_LIMITS,
    waitingRoom: { wait: () => Promise.resolve(true) },
    updates: NO_UPDATES,
    findAccount: () => Promise.resolve(ABSENT),
    proofKey: () => Buffer.alloc(32, 7),
    clock: systemClock,
    ...options,
  };
  return new PasswordAuthenticator(
    {
      steps: [],
      usernames: new UsernameReader({ format: '%Lu' }),
      disablePlaintextAuth: true,
      trustedNetworks: parseNetworks(['203.0.113.0/24']),
      areAppPasswordsRequired: false,
      anonymousUsername: 'anonymous',
      cacheTtlMs: 1000,
      cacheMaxEntries: 100,
      ...options,
    },
    ports,
  );
}

/** A passdb as a step of the chain. */
export function stepOf(passdb: Passdb, rules: Partial<StepRules> = {}): ChainStep {
  return { passdb, rules: { ...PLAIN_RULES, ...rules } };
}
