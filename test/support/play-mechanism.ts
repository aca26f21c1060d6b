/** Plays a mechanism without a service: responses in, the last step out, claims answered with a given credential. */
import assert from 'node:assert/strict';
import type { Claim, Credential } from '../../src/auth/login.ts';
import type {
  Mechanism,
  MechanismExchange,
  MechanismStep,
  MechanismWorld,
} from '../../src/auth/mechanisms/mechanism.ts';
import type { SaslClient } from './sasl-client.ts';

/** A world in which nothing is random. */
export const STILL_WORLD: MechanismWorld = {
  random: (bytes) => Buffer.alloc(bytes, 7),
  now: () => 1_700_000_000_000,
  hostname: 'mail.example.com',
  realms: [],
};

export interface Played {
  readonly step: MechanismStep;
  readonly claim: Claim | undefined;
}

/** Feeds the responses; a claim goes on with the credential, and its first step is the one of the response. */
export function playResponses(
  exchange: MechanismExchange,
  { responses, credential }: { responses: readonly (Buffer | string | undefined)[]; credential?: Credential },
): Played {
  let played: Played | undefined;
  for (const response of responses) {
    let step = exchange.next(typeof response === 'string' ? Buffer.from(response) : response);
    let claim = played?.claim;
    if (step.kind === 'claim') {
      claim = step.claim;
      if (credential !== undefined) step = step.resume(credential);
    }
    played = { step, claim };
  }
  assert.ok(played !== undefined);
  return played;
}

/** Lets a client talk to a mechanism until it says something else than a challenge; the client checks `serverFinal`. */
export function playClient(
  { mechanism, client }: { mechanism: Mechanism; client: SaslClient },
  credential: Credential,
): Played {
  const exchange = mechanism.begin(STILL_WORLD);
  let response = client.initial;
  let claim: Claim | undefined;
  for (;;) {
    const played = playResponses(exchange, { responses: [response], credential });
    const { step } = played;
    claim ??= played.claim;
    if (step.kind === 'proof' && step.isProven && step.serverFinal !== undefined) {
      assert.equal(client.answer(step.serverFinal).length, 0);
    }
    if (step.kind !== 'challenge') return { step, claim };
    response = client.answer(step.challenge);
  }
}
