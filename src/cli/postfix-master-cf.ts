/**
 * The master.cf services that wire a Postfix to this Postern: submission on ports 587 and 465. Pure; the restrictions
 * they name (`mua_…`) are in `postfix-main-cf.ts`. Follows master(5) and SASL_README.
 */
import { formatComment, socketsOutside, type PostfixWiring } from './postfix-wiring.ts';

/** One service of master.cf with the parameters it overrides. */
export interface MasterService {
  readonly name: string;
  /** Whether it may run chrooted to the queue directory. */
  readonly isChrooted: boolean;
  readonly overrides: readonly (readonly [name: string, value: string])[];
  readonly reason: string;
}

/** The services for master.cf: submission with STARTTLS and with TLS from the first byte. None without SASL. */
export function buildMasterCf(wiring: PostfixWiring): readonly MasterService[] {
  if (wiring.saslSocket === undefined) return [];
  const isChrooted = socketsOutside(wiring).length === 0;
  const shared: readonly (readonly [string, string])[] = [
    ['smtpd_tls_security_level', 'encrypt'],
    ['smtpd_sasl_auth_enable', 'yes'],
    ['smtpd_client_restrictions', '$mua_client_restrictions'],
    ['smtpd_helo_restrictions', ''],
    ['smtpd_sender_restrictions', '$mua_sender_restrictions'],
    ...(wiring.lookupSocket === undefined ? [] : [['smtpd_sender_login_maps', '$mua_sender_login_maps'] as const]),
    ['smtpd_relay_restrictions', 'permit_sasl_authenticated,reject'],
    ['smtpd_recipient_restrictions', '$mua_recipient_restrictions'],
    ['smtpd_end_of_data_restrictions', '$mua_end_of_data_restrictions'],
  ];
  return [
    {
      name: 'submission',
      isChrooted,
      overrides: [['syslog_name', 'postfix/submission'], ['smtpd_sasl_service', 'submission'], ...shared],
      reason: 'Port 587: logged-in users only, TLS by STARTTLS before AUTH.',
    },
    {
      name: 'submissions',
      isChrooted,
      overrides: [
        ['syslog_name', 'postfix/submissions'],
        ['smtpd_sasl_service', 'submissions'],
        ['smtpd_tls_wrappermode', 'yes'],
        ...shared,
      ],
      reason: 'Port 465: the same with TLS from the first byte.',
    },
  ];
}

/** Writes the master.cf block. */
export function formatMasterCf(wiring: PostfixWiring): string {
  const lines = ['# master.cf'];
  const outside = socketsOutside(wiring);
  if (outside.length > 0) {
    const reason =
      `${outside.join(' and ')} cannot be reached from a chroot, being outside of ${wiring.queueDirectory}, so every service ` +
      'that talks to Postern must run unchrooted (the fifth column is n below). For those that are in master.cf already:';
    lines.push(
      ...formatComment(reason),
      '#   postconf -F smtp/inet/chroot=n cleanup/unix/chroot=n rewrite/unix/chroot=n lmtp/unix/chroot=n',
    );
  }
  for (const service of buildMasterCf(wiring)) {
    lines.push(...formatComment(service.reason));
    lines.push(
      `${service.name.padEnd(11)} inet  n       -       ${service.isChrooted ? 'y' : 'n'}       -       -       smtpd`,
    );
    for (const [name, value] of service.overrides) lines.push(`  -o ${name}=${value}`);
  }
  return `${lines.join('\n')}\n`;
}
