/** A question to a passdb that asks for nothing but a name. */
import type { LoginContext } from '../../src/auth/login.ts';
import type { PassdbQuery } from '../../src/auth/passdb.ts';

const CONTEXT: LoginContext = {
  service: 'smtp',
  mechanism: 'PLAIN',
  remoteAddress: '198.51.100.7',
  localAddress: '192.0.2.1',
  isSecured: true,
};

export function queryFor(username: string, context: Partial<LoginContext> = {}): PassdbQuery {
  return { username, typedName: username, context: { ...CONTEXT, ...context } };
}
