/**
 * What the passdbs say of a name when nobody logs in (`postern auth lookup`): each is asked that would be asked for a lookup
 * without a mechanism. No password is compared and nothing is counted; what would follow from an answer is for others.
 */
import { describeError } from '../core/errors.ts';
import { unavailable, type Lookup } from '../core/outcome.ts';
import { isAsked, type ChainStep } from './chain-step.ts';
import type { LoginContext } from './login.ts';
import type { PassdbEntry } from './passdb.ts';
import type { UsernameReader } from './username.ts';

/** What one passdb said; undefined when its section leaves it out of such lookups. */
export interface PassdbAnswer {
  readonly passdb: string;
  readonly lookup: Lookup<PassdbEntry> | undefined;
}

export interface InquiryOptions {
  readonly steps: readonly ChainStep[];
  readonly usernames: UsernameReader;
}

export class PassdbInquiry {
  readonly #options: InquiryOptions;

  constructor(options: InquiryOptions) {
    this.#options = options;
  }

  /** Asks every passdb in order; undefined when the name can be nobody's. Never rejects. */
  async ask(typedName: string, context: LoginContext): Promise<PassdbAnswer[] | undefined> {
    const name = this.#options.usernames.read({ username: typedName, isWhole: true }, context);
    if (typeof name === 'string') return undefined;
    const { username } = name;
    const answers: PassdbAnswer[] = [];
    for (const { passdb, rules } of this.#options.steps) {
      const isLeftOut =
        rules.isMaster || !isAsked(rules, { username, mechanism: context.mechanism, isAuthenticated: false });
      const lookup = isLeftOut ? undefined : await find(passdb, { username, typedName, context });
      answers.push({ passdb: passdb.name, lookup });
    }
    return answers;
  }
}

async function find(
  passdb: ChainStep['passdb'],
  query: Parameters<ChainStep['passdb']['find']>[0],
): Promise<Lookup<PassdbEntry>> {
  try {
    return await passdb.find(query);
  } catch (error) {
    return unavailable(describeError(error));
  }
}
