/** Where a login comes from and how, as options of the verbs that try one. */
import { isIP } from 'node:net';
import { InvalidArgumentError, type Command } from 'commander';
import type { LoginContext } from '../auth/login.ts';

export interface LoginOptions {
  readonly service: string;
  readonly remote: string;
  readonly local: string;
  /** False for `--no-tls`. */
  readonly tls: boolean;
}

/** What Postfix calls itself. */
const DEFAULT_SERVICE = 'smtp';

/** Adds the options to a verb. */
export function addLoginOptions(command: Command): Command {
  return command
    .option('--service <name>', 'what the client is logged in for, as Postfix says it', DEFAULT_SERVICE)
    .option('--remote <address>', 'address of the client; none is this machine', parseIp, '')
    .option('--local <address>', 'address the client came to', parseIp, '')
    .option('--no-tls', 'as without TLS');
}

/** The login that the options describe. */
export function readContext({ service, remote, local, tls }: LoginOptions, mechanism: string): LoginContext {
  return { service, mechanism, remoteAddress: remote, localAddress: local, isSecured: tls };
}

function parseIp(text: string): string {
  if (isIP(text) === 0) throw new InvalidArgumentError('Use an IP address');
  return text;
}
