/** What `npm start` shows once everything runs: what listens where, and the lines that wire a Postfix to it. */
import { dirname } from 'node:path';
import type { Config } from '../config/load-config.ts';
import { formatEndpoint } from '../core/endpoint.ts';
import { writePostfixLines } from './postfix.ts';

const SERVICES = [
  ['sasl', 'logins (smtpd_sasl_path)'],
  ['policy', 'quota and account state (check_policy_service)'],
  ['lmtp', 'delivery (virtual_transport)'],
  ['lookup', 'recipients, aliases, senders (socketmap:)'],
  ['http', 'set-up of mail clients, /healthz'],
] as const;

/** Where Postfix's own user may not enter by itself. */
const QUEUE_DIRECTORY = '/var/spool/postfix/';

/** Formats the guide; `domains` are ours. */
export function formatGuide(config: Config, domains: readonly string[]): string {
  const rows = SERVICES.flatMap(([name, purpose]) =>
    config[name].listen.map((endpoint) => [name, formatEndpoint(endpoint), purpose] as const),
  );
  const width = Math.max(0, ...rows.map(([, where]) => where.length));
  const table = rows.map(([name, where, purpose]) => `  ${name.padEnd(7)} ${where.padEnd(width)}  ${purpose}`);
  return [
    '',
    `Postern runs with ${config.file}. What listens where:`,
    '',
    ...table,
    '',
    ...entrance(config),
    'A Postfix is wired to it by these lines (also: postern postfix):',
    '',
    writePostfixLines(config, domains),
  ].join('\n');
}

/** How Postfix's user gets to sockets that are not in its own directory. */
function entrance(config: Config): string[] {
  const sockets = [...config.sasl.listen, ...config.policy.listen, ...config.lmtp.listen, ...config.lookup.listen];
  const paths = sockets.flatMap((one) =>
    one.kind === 'unix' && !one.path.startsWith(QUEUE_DIRECTORY) ? [one.path] : [],
  );
  const folders = [...new Set(paths.map((path) => dirname(path)))];
  if (folders.length === 0) return [];
  return [
    'Postfix runs as a user of its own. To let it in, as root, and then start Postern again (folders above must be open to it):',
    ...folders.map((folder) => `  chgrp postfix ${folder} && chmod 2750 ${folder}`),
    '',
  ];
}
