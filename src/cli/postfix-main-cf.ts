/**
 * The main.cf parameters that wire a Postfix to this Postern, each with the reason for it. Pure: reading or changing
 * Postfix's files is not done here. Follows postconf(5), SASL_README, SMTPD_POLICY_README,
 * ADDRESS_VERIFICATION_README and socketmap_table(5).
 */
import { domainToUnicode } from 'node:url';
import { formatComment, nexthop, socketName, type PostfixWiring } from './postfix-wiring.ts';

/** One parameter of main.cf; a list is written one item a line. */
export interface MainParameter {
  readonly name: string;
  readonly value: string | readonly string[];
  readonly reason?: string;
}

/**
 * LMTP sees what Postfix has put on top of the message (Received, Message-ID, Date); a message just under equal
 * limits would be taken from the sender and then bounced.
 */
const ADDED_HEADERS_BYTES = 64 * 1024;

/** Default of mailbox_size_limit; local(8) refuses to run when message_size_limit is above it. */
const POSTFIX_MAILBOX_SIZE_LIMIT = 51_200_000;

/** smtpd gives up well before the SMTP client does, where the default is 100 s for each of two tries. */
const POLICY_TIMEOUT = 'timeout=10s';

/** What Postfix does when the policy service is out: mail from outside may come in, our own users try again (RULES 27). */
const POLICY_OUTAGE_ACTION = {
  incoming: 'default_action=DUNNO',
  submission: '{ default_action = 451 4.3.5 try again later }',
} as const;

/** The parameters for main.cf, in the order to print them. */
export function buildMainCf(wiring: PostfixWiring): readonly MainParameter[] {
  return [
    ...domainParameters(wiring),
    ...addressParameters(wiring),
    ...deliveryParameters(wiring),
    ...saslParameters(wiring),
    ...incomingParameters(wiring),
    ...(wiring.saslSocket === undefined ? [] : submissionParameters(wiring)),
    ...(probesRecipients(wiring) ? verifyParameters() : []),
  ];
}

/** Writes the main.cf block. */
export function formatMainCf(wiring: PostfixWiring): string {
  const lines = ['# main.cf'];
  for (const parameter of buildMainCf(wiring)) {
    if (parameter.reason !== undefined) lines.push(...formatComment(parameter.reason));
    lines.push(...formatParameter(parameter));
  }
  if (!probesRecipients(wiring) && wiring.lmtpSocket !== undefined) {
    const instead =
      'Without the lookup service, recipients can be checked by probing LMTP instead: slower at the first mail for an ' +
      'address, and Postfix remembers answers for hours. `postern postfix --verify` prints that; it comes to:';
    const probing = [
      ...incomingParameters({ ...wiring, isVerifying: true }).filter(
        ({ name }) => name === 'smtpd_recipient_restrictions',
      ),
      ...addressParameters({ ...wiring, isVerifying: true }).filter(({ value }) => value === ''),
      ...verifyParameters(),
    ].flatMap((parameter) => formatParameter(parameter));
    lines.push(...formatComment(instead), ...probing.map((line) => `#   ${line}`));
  }
  return `${lines.join('\n')}\n`;
}

function domainParameters(wiring: PostfixWiring): MainParameter[] {
  const isVirtual = wiring.domainClass === 'virtual';
  const ours: MainParameter = {
    name: isVirtual ? 'virtual_mailbox_domains' : 'relay_domains',
    ...(wiring.domainsFrom === 'static' || wiring.lookupSocket === undefined
      ? { value: wiring.domains.flatMap(bothForms).join(', '), reason: staticReason(wiring.domains) }
      : {
          value: map(isVirtual ? 'domain' : 'relay'),
          reason:
            'Domains by lookup: new ones need no change here, but each smtpd process remembers what it heard, failures ' +
            'too, until it ends; after an outage of Postern run `postfix reload`.',
        }),
  };
  const others: MainParameter[] = [
    {
      name: 'virtual_alias_domains',
      value: '',
      reason:
        'Said explicitly: by default Postfix asks virtual_alias_maps for bare domains, and a hit there would refuse every mailbox of the domain.',
    },
    { name: isVirtual ? 'relay_domains' : 'virtual_mailbox_domains', value: '' },
  ];
  const lookup: MainParameter[] =
    wiring.lookupSocket === undefined
      ? []
      : [
          {
            name: 'postern_lookup',
            value: `socketmap:${socketName(wiring.lookupSocket, wiring)}`,
            reason: 'A name of our own for the lookup service; the maps below are named through it.',
          },
        ];
  return [...lookup, ours, ...others];
}

function staticReason(domains: readonly string[]): string {
  const reason =
    'Domains as a plain list: smtpd remembers a failed domain lookup for as long as it lives, a list cannot fail. After ' +
    '`postern domain add` print this again and run `postfix reload`. None of them may stand in mydestination as well.';
  return domains.length === 0 ? `${reason} There is no domain yet.` : reason;
}

/** Postfix compares domains as the peer wrote them: with SMTPUTF8 that is the U-label, else the A-label. */
function bothForms(domain: string): string[] {
  const unicode = domainToUnicode(domain);
  return unicode === '' || unicode === domain ? [domain] : [domain, unicode];
}

function addressParameters(wiring: PostfixWiring): MainParameter[] {
  const name = wiring.domainClass === 'virtual' ? 'virtual_mailbox_maps' : 'relay_recipient_maps';
  const delimiter: MainParameter = {
    name: 'recipient_delimiter',
    value: wiring.recipientDelimiter,
    reason: 'The same as `[mail] recipient_delimiter`, so that both cut user+detail alike.',
  };
  if (probesRecipients(wiring)) {
    const open: MainParameter = {
      name,
      value: '',
      reason: 'No list of recipients: whether one exists is asked of LMTP (reject_unverified_recipient).',
    };
    const alias = { name: 'virtual_alias_maps', value: map('alias') };
    return [open, ...(wiring.lookupSocket === undefined ? [] : [alias]), delimiter];
  }
  return [
    { name, value: map('recipient'), reason: 'Which recipients exist; unknown ones are refused at RCPT.' },
    {
      name: 'virtual_alias_maps',
      value: map('alias'),
      reason: 'Aliases are expanded by Postfix, so that remote targets leave through its own queue.',
    },
    delimiter,
  ];
}

function deliveryParameters(wiring: PostfixWiring): MainParameter[] {
  const maxBytes = Math.max(wiring.maxMessageBytes - ADDED_HEADERS_BYTES, Math.ceil(wiring.maxMessageBytes / 2));
  const size: MainParameter[] = [
    {
      name: 'message_size_limit',
      value: String(maxBytes),
      reason:
        'A little below what LMTP takes, for the headers Postfix adds: a larger message is refused at the sender, not bounced later.',
    },
  ];
  if (maxBytes > POSTFIX_MAILBOX_SIZE_LIMIT) {
    size.push({
      name: 'mailbox_size_limit',
      value: '0',
      reason: 'local(8) does not run with a message_size_limit above it.',
    });
  }
  if (wiring.lmtpSocket === undefined) return size;
  return [
    {
      name: wiring.domainClass === 'virtual' ? 'virtual_transport' : 'relay_transport',
      value: `lmtp:${nexthop(wiring.lmtpSocket, wiring)}`,
    },
    {
      name: 'lmtp_send_xforward_command',
      value: 'yes',
      reason: "Tells Postern the client and Postfix's queue id, so that its log lines can be matched with Postfix's.",
    },
    ...size,
  ];
}

function saslParameters(wiring: PostfixWiring): MainParameter[] {
  if (wiring.saslSocket === undefined) return [];
  const { saslSocket } = wiring;
  return [
    {
      name: 'smtpd_sasl_type',
      value: 'dovecot',
      reason: "Postern speaks Dovecot's auth protocol. Used by the submission services only (master.cf).",
    },
    {
      name: 'smtpd_sasl_path',
      // Without a prefix Postfix reads a unix path, relative to the queue directory.
      value: socketName(saslSocket, wiring).replace(/^unix:/, ''),
    },
    {
      name: 'smtpd_sasl_auth_enable',
      value: 'no',
      reason:
        'Never on port 25: an smtpd that cannot reach its SASL server dies, and incoming mail would stop with it.',
    },
    { name: 'smtpd_tls_auth_only', value: 'yes', reason: 'No password in clear text, and no AUTH offered before TLS.' },
    { name: 'smtpd_sasl_security_options', value: 'noanonymous' },
    { name: 'smtpd_sasl_tls_security_options', value: 'noanonymous' },
  ];
}

function incomingParameters(wiring: PostfixWiring): MainParameter[] {
  const policy = policyCheck(wiring, 'incoming');
  const verify = probesRecipients(wiring)
    ? ['permit_mynetworks', 'reject_unauth_destination', 'reject_unverified_recipient']
    : [];
  const endOfData: MainParameter = {
    name: 'smtpd_end_of_data_restrictions',
    value: policy,
    reason: 'Once more when the size is known: many clients do not announce it.',
  };
  return [
    { name: 'smtpd_relay_restrictions', value: 'permit_mynetworks, reject_unauth_destination' },
    {
      name: 'smtpd_recipient_restrictions',
      value: ['reject_non_fqdn_recipient', 'reject_unlisted_recipient', ...policy, ...verify],
      reason:
        'Keep restrictions of your own and put these among them, cheap ones first. DUNNO when Postern does not answer: mail ' +
        'still comes in and waits in the queue.' +
        (probesRecipients(wiring)
          ? ' Only mail for our own domains is verified, and last, so that nothing else is ever probed.'
          : ''),
    },
    ...(policy.length === 0 ? [] : [endOfData]),
  ];
}

function submissionParameters(wiring: PostfixWiring): MainParameter[] {
  const policy = policyCheck(wiring, 'submission');
  const senders: MainParameter[] =
    wiring.lookupSocket === undefined
      ? []
      : [{ name: 'mua_sender_login_maps', value: map('sender'), reason: 'Who may use which sender address.' }];
  return [
    {
      name: 'mua_client_restrictions',
      value: 'permit_sasl_authenticated, reject',
      reason: 'The mua_ parameters are used by the submission services in master.cf.',
    },
    ...senders,
    {
      name: 'mua_sender_restrictions',
      value: [
        'reject_non_fqdn_sender',
        ...(wiring.lookupSocket === undefined ? [] : ['reject_authenticated_sender_login_mismatch']),
      ],
      ...(wiring.lookupSocket === undefined
        ? {}
        : {
            reason:
              'A login sends only as the addresses it owns. On submission alone: on port 25 lists and forwards rightly bring our own addresses back.',
          }),
    },
    {
      name: 'mua_recipient_restrictions',
      value: ['reject_non_fqdn_recipient', 'reject_unlisted_recipient', ...policy],
      reason:
        'Our own users are asked to try again when Postern cannot decide: their limits are not to be passed by an outage.',
    },
    { name: 'mua_end_of_data_restrictions', value: policy },
  ];
}

function verifyParameters(): MainParameter[] {
  return [
    {
      name: 'unverified_recipient_reject_code',
      value: '550',
      reason: 'The default 450 makes senders repeat mail for unknown users for days.',
    },
    {
      name: 'unverified_recipient_reject_reason',
      value: 'Address lookup failed',
      reason: "Instead of the probe's own answer, which names sockets.",
    },
    {
      name: 'address_verify_poll_delay',
      value: '1s',
      reason: 'A new address always waits one delay, though the probe takes milliseconds.',
    },
    { name: 'address_verify_poll_count', value: '${stress?{1}:{6}}' },
    {
      name: 'address_verify_negative_refresh_time',
      value: '5m',
      reason: 'Postfix remembers a failed probe, for whatever reason it failed, so not for long.',
    },
    { name: 'address_verify_negative_expire_time', value: '1h' },
    { name: 'address_verify_positive_refresh_time', value: '1h' },
    { name: 'address_verify_positive_expire_time', value: '1d' },
  ];
}

/**
 * The same text wherever one connection should be shared: Postfix keeps one for each different text. Blanks around `=` are
 * taken only inside further braces; elsewhere they are fatal to smtpd (seen on 3.7.11).
 */
function policyCheck(wiring: PostfixWiring, context: 'incoming' | 'submission'): string[] {
  if (wiring.policySocket === undefined) return [];
  const options = [
    socketName(wiring.policySocket, wiring),
    POLICY_TIMEOUT,
    POLICY_OUTAGE_ACTION[context],
    `policy_context=${context}`,
  ];
  return [`check_policy_service { ${options.join(', ')} }`];
}

/** Without the lookup service, probes are all there is. */
function probesRecipients(wiring: PostfixWiring): boolean {
  return wiring.isVerifying || wiring.lookupSocket === undefined;
}

function map(name: string): string {
  return `\${postern_lookup}:${name}`;
}

function formatParameter({ name, value }: MainParameter): string[] {
  if (typeof value === 'string') return [value === '' ? `${name} =` : `${name} = ${value}`];
  if (value.length < 2) return [value.length === 0 ? `${name} =` : `${name} = ${value.join('')}`];
  return [`${name} =`, ...value.map((item, i) => `    ${item}${i < value.length - 1 ? ',' : ''}`)];
}
