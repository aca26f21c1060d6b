/**
 * SASL LOGIN (draft-murchison-sasl-login): two prompts, name and password. Old, but Outlook speaks it.
 *
 * States: no name yet (an initial response is the name, an empty one is none); name known, waiting for the
 * password; done.
 */
import type { Mechanism, MechanismExchange, MechanismStep } from './mechanism.ts';
import { readName } from './mechanism.ts';

/** The exact words: there are clients that compare them. */
const NAME_PROMPT = Buffer.from('Username:');
const PASSWORD_PROMPT = Buffer.from('Password:');

export const LOGIN: Mechanism = { name: 'LOGIN', flags: ['plaintext'], begin: () => new LoginExchange() };

class LoginExchange implements MechanismExchange {
  #username: string | undefined;
  #hasPrompted = false;

  next(response: Buffer | undefined): MechanismStep {
    if (this.#username !== undefined) return this.#takePassword(this.#username, response);
    if (!this.#hasPrompted && (response === undefined || response.length === 0)) {
      this.#hasPrompted = true;
      return { kind: 'challenge', challenge: NAME_PROMPT };
    }
    const username = response === undefined ? undefined : readName(response);
    if (username === undefined || username === '' || username.includes('\0')) {
      return { kind: 'reject', reason: 'bad-username', user: undefined };
    }
    this.#username = username;
    return { kind: 'challenge', challenge: PASSWORD_PROMPT };
  }

  #takePassword(username: string, response: Buffer | undefined): MechanismStep {
    if (response === undefined || response.includes(0))
      return { kind: 'reject', reason: 'bad-request', user: username };
    return { kind: 'password', login: { username, password: response } };
  }
}
