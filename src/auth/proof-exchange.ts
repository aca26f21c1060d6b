/**
 * One exchange of a challenge mechanism, from the claim to the verdict. The chain is asked twice: for what the proof is
 * checked with, and again when it has been, because a client may take its time and a change bites at once (DESIGN 1.6).
 */
import { foldCase } from '../core/address.ts';
import { found, unavailable, type Found, type Unavailable } from '../core/outcome.ts';
import type { AttemptDesk, Opening } from './attempt-desk.ts';
import type { AttemptLookups } from './attempt-lookups.ts';
import type { Attempt } from './attempt.ts';
import type { ChainOutcome } from './chain.ts';
import type { LoginChain } from './login-chain.ts';
import type { Claim, Credential, LoginOutcome, RejectReason } from './login.ts';
import type { CheckPorts } from './password-check.ts';
import { ProofCheck } from './proof-check.ts';
import { makeCredential } from './proof-credential.ts';
import type { VerdictWriter } from './verdict.ts';

export interface ProofPorts {
  readonly chain: LoginChain;
  readonly checks: CheckPorts;
  readonly desk: AttemptDesk;
  readonly verdicts: VerdictWriter;
  readonly proofKey: Buffer;
  readonly openLookups: (attempt: Attempt) => AttemptLookups;
}

/** What the chain says of a claim, as if its proof were right. */
interface Recognition {
  readonly outcome: ChainOutcome;
  readonly stored: string | undefined;
  readonly lookups: AttemptLookups;
}

export class ProofExchange {
  readonly #claim: Claim;
  readonly #opening: Opening;
  readonly #ports: ProofPorts;
  /** What the credential was made of; undefined when it was invented. */
  #stored: string | undefined;
  /** Why there was nothing to make it of. */
  #reason: RejectReason = 'no-credential';

  constructor(start: { readonly claim: Claim; readonly opening: Opening }, ports: ProofPorts) {
    this.#claim = start.claim;
    this.#opening = start.opening;
    this.#ports = ports;
  }

  /** Finds what the proof is checked with, or invents it. */
  async findCredential(): Promise<Found<Credential> | Unavailable> {
    const opening = this.#opening;
    if (opening.kind === 'rejected') return this.#makeCredential(this.#claim.username, undefined);
    const { attempt } = opening;
    const { outcome, stored } = await this.#recognise(attempt);
    if (outcome.kind === 'unavailable') return outcome;
    if (outcome.kind === 'rejected') this.#reason = outcome.reason;
    this.#stored = stored;
    return this.#makeCredential(attempt.name.username, attempt);
  }

  async conclude(isProven: boolean): Promise<LoginOutcome> {
    const { desk, verdicts } = this.#ports;
    const opening = this.#opening;
    if (opening.kind === 'rejected') return verdicts.reject(opening.reason);
    const { attempt } = opening;
    const outcome = await this.#judge(attempt, isProven);
    const verdict = verdicts.write(outcome, { attempt, isCached: false });
    desk.close(attempt, verdict);
    return verdict;
  }

  async #judge(attempt: Attempt, isProven: boolean): Promise<ChainOutcome> {
    // Nobody is looked up again too: an answer that comes sooner would tell that there is no such user (RULES 40).
    const { outcome, stored, lookups } = await this.#recognise(attempt);
    if (outcome.kind === 'unavailable') return outcome;
    if (this.#stored === undefined) return reject(this.#reason);
    // As in `login-chain.ts`: what is only remembered says no to nothing.
    if (!isProven && lookups.outage !== undefined) return lookups.outage;
    if (!isProven || stored !== this.#stored) return reject('wrong-proof');
    const admitted = await this.#ports.chain.admit(outcome, { attempt, lookups });
    if (admitted.kind === 'accepted') lookups.remember();
    return admitted;
  }

  async #recognise(attempt: Attempt): Promise<Recognition> {
    const { chain, checks, openLookups } = this.#ports;
    const lookups = openLookups(attempt);
    const check = new ProofCheck(checks, { attempt, lookups, scheme: this.#claim.scheme });
    const outcome = await chain.recognise({
      attempt,
      lookups,
      judge: (entry, step, { isVerified }) => Promise.resolve(check.judge(entry, step, isVerified)),
    });
    return { outcome, stored: check.stored, lookups };
  }

  async #makeCredential(username: string, attempt: Attempt | undefined): Promise<Found<Credential> | Unavailable> {
    const { checks, proofKey: key } = this.#ports;
    const question = {
      ...attempt?.hashOptions,
      claim: { ...this.#claim, username: foldCase(username) },
      stored: this.#stored,
    };
    const made = await makeCredential(question, { hasher: checks.hasher, key });
    switch (made.kind) {
      case 'stored':
      case 'invented':
        return found(made.credential);
      case 'unusable':
        return unavailable('unusable password hash');
      case 'busy':
        return unavailable('hash queue busy');
    }
  }
}

function reject(reason: RejectReason): ChainOutcome {
  return { kind: 'rejected', reason, hasNoDelay: false, fields: new Map() };
}
