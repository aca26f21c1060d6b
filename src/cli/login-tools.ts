/** What the verbs about logins need of the layers beside them, as an interface: `app-login-tools.ts` plugs the core in. */
import type { Authenticator, ExplainedOutcome, LoginContext, PasswordLogin } from '../auth/login.ts';
import type { Hasher } from '../auth/hasher.ts';
import type { PassdbAnswer } from '../auth/passdb-inquiry.ts';
import type { Config } from '../config/load-config.ts';

/** The login core as the daemon has it: nothing is counted, delayed or changed. */
export interface OpenLogins {
  explain(login: PasswordLogin, context: LoginContext): Promise<ExplainedOutcome>;
  readonly findCredential: Authenticator['findCredential'];
  readonly verifyHash: Hasher['verify'];
  /** What each passdb says of a name; undefined when it can be nobody's. */
  ask(username: string, context: LoginContext): Promise<readonly PassdbAnswer[] | undefined>;
  close(): Promise<void>;
}

export interface LoginTools {
  openLogins(config: Config): Promise<OpenLogins>;
}
