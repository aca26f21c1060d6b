/**
 * Finds what a proof is checked with: the password of the first entry that can serve the mechanism. Entries that cannot
 * are passed over, as if the user were not there (facts: chain evaluation). One object serves one attempt.
 */
import { unavailable } from '../core/outcome.ts';
import { quotePeerText } from '../core/printable.ts';
import type { AttemptLookups } from './attempt-lookups.ts';
import type { Attempt } from './attempt.ts';
import type { EntryVerdict } from './chain.ts';
import type { ChainStep } from './chain-step.ts';
import type { ProofScheme } from './login.ts';
import type { CheckPorts } from './password-check.ts';
import type { PassdbEntry } from './passdb.ts';
import { servesProof } from './proof-credential.ts';
import { failure, isMainPasswordRefused, judgeOwner } from './refusals.ts';

export interface ProofCheckOptions {
  readonly attempt: Attempt;
  readonly lookups: AttemptLookups;
  readonly scheme: ProofScheme;
}

export class ProofCheck {
  readonly #ports: CheckPorts;
  readonly #options: ProofCheckOptions;
  #stored: string | undefined;
  #refusedStored: string | undefined;

  constructor(ports: CheckPorts, options: ProofCheckOptions) {
    this.#ports = ports;
    this.#options = options;
  }

  /**
   * What the proof is to be checked with: of an entry that is good, else of one that will be refused after a right proof.
   * Undefined when it has to be invented.
   */
  get stored(): string | undefined {
    return this.#stored ?? this.#refusedStored;
  }

  /** Judges an entry as if the proof were right. */
  judge(entry: PassdbEntry, { passdb }: ChainStep, isVerified: boolean): EntryVerdict {
    const { lookups, scheme } = this.#options;
    const serves = entry.password === undefined ? 'no' : servesProof(entry.password, scheme);
    if (!isVerified && serves === 'no') return failure('no-credential');
    if (serves === 'unusable') return this.#report(entry, `passdb ${passdb.name}: unusable password hash`);
    const verdict = this.#judgeOwner(entry);
    if (verdict.kind === 'unavailable') return this.#report(entry, `passdb ${passdb.name}: ${verdict.reason}`);
    if (verdict.kind === 'success') {
      lookups.standOn(entry);
      // Unless a passdb before has given one that counts, the last one does, as with Dovecot.
      if (serves === 'yes' && !(isVerified && this.#stored !== undefined)) this.#stored = entry.password;
    } else if (serves === 'yes') {
      this.#refusedStored ??= entry.password;
    }
    return verdict;
  }

  #judgeOwner(entry: PassdbEntry): EntryVerdict {
    const { attempt } = this.#options;
    const verdict = judgeOwner(entry, attempt, this.#ports.networks);
    if (verdict.kind !== 'success') return verdict;
    const isMaster = attempt.name.target !== undefined;
    const isRefused = isMainPasswordRefused(entry, { isSiteRule: this.#ports.areAppPasswordsRequired, isMaster });
    // Challenge mechanisms prove the main password: an app password is kept as a digest that cannot serve them.
    return isRefused ? failure('app-password-required') : verdict;
  }

  #report({ user }: PassdbEntry, reason: string): EntryVerdict {
    this.#ports.logger.error('auth.fault', { user: quotePeerText(user), reason });
    return unavailable(reason);
  }
}
