/** What `npm start` shows once everything runs: what listens where, and the lines that wire a Postfix to it. */
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
    'A Postfix is wired to it by these lines (also: postern postfix):',
    '',
    writePostfixLines(config, domains),
  ].join('\n');
}
