import assert from 'node:assert/strict';
import { hostname } from 'node:os';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { compareConfigs } from '../../../src/config/compare.ts';
import { findConfigPath } from '../../../src/config/config-path.ts';
import { parseConfig } from '../../../src/config/load-config.ts';
import { noteConfig } from '../../../src/config/notes.ts';
import { SECTIONS } from '../../../src/config/settings.ts';
import { parseDomain } from '../../../src/core/address.ts';
import { ConfigError } from '../../../src/core/errors.ts';
import { formatQuotaWarning } from '../../../src/core/quota-warning.ts';
import { formatQuotaRule } from '../../../src/core/quota-rule.ts';

const PASSDB_RULES = {
  isMaster: false,
  isDeny: false,
  usernameFormat: '%u',
  skip: 'never',
  mechanisms: [],
  usernameFilter: [],
  resultSuccess: 'return-ok',
  resultFailure: 'continue',
  resultInternalfail: 'continue',
  defaultFields: [],
  overrideFields: [],
} as const;
const USERDB_RULES = {
  usernameFormat: '%u',
  skip: 'never',
  resultSuccess: 'return-ok',
  resultFailure: 'continue',
  resultInternalfail: 'continue',
  defaultFields: [],
  overrideFields: [],
} as const;

const read = (text: string) => parseConfig(text, 'postern.ini').config;

/** Fails when reading `text` ends in anything but a Config or a ConfigError with reasons. */
function judge(text: string): void {
  try {
    assert.equal(typeof read(text).postern.hostname, 'string');
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    assert.ok(error.faults.length > 0);
    for (const fault of error.faults) assert.match(fault.reason, /^Cannot /);
  }
}

/** Lines to the size limit of the file. */
function fill(line: (i: number) => string): string {
  const lines: string[] = [];
  for (let length = 0; length < 256 * 1024; length += lines.at(-1)?.length ?? 0) lines.push(`${line(lines.length)}\n`);
  return lines.join('');
}

describe('parseConfig()', () => {
  it('gives the defaults for an empty file, in units', () => {
    const config = read('');
    assert.equal(config.file, 'postern.ini');
    assert.equal(config.postern.stateDir, '/var/lib/postern');
    assert.equal(config.postern.graceMs, 10_000);
    assert.equal(config.postern.user, undefined);
    assert.equal(config.auth.failureDelayMs, 2000);
    assert.deepEqual(config.auth.mechanisms, ['plain', 'login']);
    assert.deepEqual(config.sasl.listen, [{ kind: 'unix', path: '/var/spool/postfix/postern/auth' }]);
    assert.equal(config.sasl.socketMode, 0o660);
    assert.equal(config.sasl.idleTimeoutMs, 3_600_000);
    assert.equal(config.lmtp.maxMessageSizeBytes, 100 * 1024 * 1024);
    assert.deepEqual(config.mail.roots, ['/var/vmail']);
    assert.deepEqual(config.quota.rules, [undefined]);
    assert.deepEqual(
      config.quotaRoots.map(({ name, scope, isEnforcing }) => [name, scope, isEnforcing]),
      [['quota', 'user', true]],
    );
    assert.deepEqual(config.http.listen, [{ kind: 'inet', host: '127.0.0.1', port: 8080 }]);
    assert.deepEqual(config.passdbs, [{ name: 'local', driver: 'sqlite', rules: PASSDB_RULES }]);
    assert.deepEqual(config.userdbs, [{ name: 'local', driver: 'sqlite', rules: USERDB_RULES }]);
  });

  it('takes the name of this machine where none is given', () => {
    assert.equal(read('').postern.hostname, parseDomain(hostname()) ?? 'localhost');
  });

  it('lets defaults follow other settings', () => {
    const config = read(
      '[postern]\nhostname = mx.example.com\n[mail]\nhome = /srv/mail/%d/%n\n[autoconfig]\nimap_host = imap.example.com\n',
    );
    assert.equal(config.autoconfig.imapHost, 'imap.example.com');
    assert.equal(config.autoconfig.smtpHost, 'mx.example.com');
    assert.deepEqual(config.mail.roots, ['/srv/mail']);
  });

  it('keeps the databases in the order of the file', () => {
    const config = read(
      '[passdb old]\ndriver = passwd-file\npath = /etc/dovecot/users\n[userdb b]\n[passdb local]\n[userdb a]\ndriver = passwd-file\npath = /x\n',
    );
    assert.deepEqual(config.passdbs, [
      { name: 'old', driver: 'passwd-file', path: '/etc/dovecot/users', defaultScheme: 'CRYPT', rules: PASSDB_RULES },
      { name: 'local', driver: 'sqlite', rules: PASSDB_RULES },
    ]);
    assert.deepEqual(config.userdbs, [
      { name: 'b', driver: 'sqlite', rules: USERDB_RULES },
      { name: 'a', driver: 'passwd-file', path: '/x', rules: USERDB_RULES },
    ]);
  });

  it('gives every driver what it needs, and the chain its rules', () => {
    const config = read(
      [
        '[passdb banned]\ndriver = deny\npath = /etc/100%%.banned\n',
        '[passdb admins]\ndriver = static\nfields = password=secret allow_nets=192.0.2.0/24 nodelay\nmaster = yes\n',
        "[passdb shop]\ndriver = sql\npath = /srv/shop.db\npassword_query = SELECT password FROM users WHERE name = '%n'\n",
        'default_scheme = sha256.Hex\nusername_format = %Ln\nskip = authenticated\nmechanisms = PLAIN none\n',
        'username_filter = *@d.test !root@*\nresult_success = continue-ok\nresult_failure = return-fail\n',
        'result_internalfail = return\ndefault_fields = userdb_uid=5\noverride_fields = user=%Lu\n',
        '[userdb p]\ndriver = prefetch\nskip = found\n',
        '[userdb shop]\ndriver = sql\npath = /srv/shop.db\nuser_query = SELECT 1\ndomain_query = SELECT 2\n',
        '[userdb s]\ndriver = static\nfields = home=/srv/%d/%n\ndomains = D.test, Bücher.test\nallow_all_users = yes\n',
      ].join(''),
    );
    assert.deepEqual(config.passdbs, [
      { name: 'banned', driver: 'deny', path: '/etc/100%.banned', rules: { ...PASSDB_RULES, isDeny: true } },
      {
        name: 'admins',
        driver: 'static',
        fields: [
          { name: 'password', value: 'secret' },
          { name: 'allow_nets', value: '192.0.2.0/24' },
          { name: 'nodelay', value: '' },
        ],
        defaultScheme: 'PLAIN',
        rules: { ...PASSDB_RULES, isMaster: true },
      },
      {
        name: 'shop',
        driver: 'sql',
        engine: 'sqlite',
        path: '/srv/shop.db',
        passwordQuery: "SELECT password FROM users WHERE name = '%n'",
        defaultScheme: 'SHA256.HEX',
        rules: {
          isMaster: false,
          isDeny: false,
          usernameFormat: '%Ln',
          skip: 'authenticated',
          mechanisms: ['plain', 'none'],
          usernameFilter: ['*@d.test', '!root@*'],
          resultSuccess: 'continue-ok',
          resultFailure: 'return-fail',
          resultInternalfail: 'return',
          defaultFields: [{ name: 'userdb_uid', value: '5' }],
          overrideFields: [{ name: 'user', value: '%Lu' }],
        },
      },
    ]);
    assert.deepEqual(config.userdbs, [
      { name: 'p', driver: 'prefetch', rules: { ...USERDB_RULES, skip: 'found' } },
      {
        name: 'shop',
        driver: 'sql',
        engine: 'sqlite',
        path: '/srv/shop.db',
        userQuery: 'SELECT 1',
        iterateQuery: '',
        domainQuery: 'SELECT 2',
        rules: USERDB_RULES,
      },
      {
        name: 's',
        driver: 'static',
        fields: [{ name: 'home', value: '/srv/%d/%n' }],
        domains: ['d.test', 'xn--bcher-kva.test'],
        allowAllUsers: true,
        rules: USERDB_RULES,
      },
    ]);
  });

  it('takes the embedded database for users and once more for masters', () => {
    assert.equal(read('[passdb admins]\nmaster = yes\n[passdb local]\n').passdbs.length, 2);
    assert.throws(() => read('[passdb a]\n[passdb b]\n'), /embedded database twice/);
  });

  it('takes the default of a key that the driver does not use, for "postern config" prints it', () => {
    read('[passdb local]\npath =\nengine = sqlite\nfields =\ndefault_scheme =\n');
  });

  it('repeats no field in a fault, for one may be a password', () => {
    const text =
      '[passdb a]\nfields = password=%{hunter2}\ndefault_fields = =hunter2\n[userdb b]\nfields = a=hunter2\n';
    assert.throws(
      () => read(text),
      (error) => error instanceof ConfigError && error.faults.length === 3 && !error.message.includes('hunter2'),
    );
  });

  it('turns a service off by an empty listen', () => assert.deepEqual(read('[http]\nlisten =\n').http.listen, []));

  it('RULES 35: takes a listener off loopback with allow_nets, and one on loopback or unix without', () => {
    for (const service of ['sasl', 'policy', 'lmtp', 'lookup']) {
      read(`[${service}]\nlisten = inet:0.0.0.0:1234\nallow_nets = 192.0.2.0/24\n`);
      read(`[${service}]\nlisten = inet:127.0.0.1:1234, inet:[::1]:1234, inet:localhost:1234, unix:/run/x\n`);
      assert.throws(() => read(`[${service}]\nlisten = inet:192.0.2.1:1234\n`), /without allow_nets/);
    }
  });

  it('RULES 19: allows at least 1,024 connections to every service by default', () => {
    const config = read('');
    for (const service of ['sasl', 'policy', 'lmtp', 'lookup', 'http'] as const) {
      assert.ok(config[service].maxConnections >= 1024);
    }
  });

  it('RULES 17 and 36: creates no mailbox for strangers and wants TLS unless told otherwise', () => {
    const config = read('');
    assert.equal(config.mail.ldaMailboxAutocreate, false);
    assert.equal(config.auth.disablePlaintextAuth, true);
    assert.deepEqual(config.auth.trustedNetworks, []);
  });

  it('RULES 44: reads quota values without expanding percent signs, and storage without a unit as KiB', () => {
    assert.deepEqual(read('[quota]\nrule = *:storage=1024:messages=2K\n').quota.rules, [
      { kind: 'root', mask: '*', storageBytes: 1024 * 1024, messages: 2048 },
    ]);
    assert.throws(() => read('[quota]\nrule = *:storage=10%%\n'), /quota rule "\*:storage=10%%"/);
  });

  it('RULES 44: reads further quota roots in the order of the file, with as many rules as are numbered', () => {
    const { quotaRoots, quota } = read(
      [
        '[quota total]\nscope = domain\nrule = *:storage=1T\nrule2 = Spam:ignore\ngrace = 0\nnoenforcing = yes',
        '[quota]\nrule =\nrule2 = Trash:storage=+10%%\nmax_mail_size = 30M',
        '[quota b]\nignoreunlimited = yes',
      ].join('\n'),
    );
    assert.deepEqual(
      quotaRoots.map(({ name, scope, rules, isEnforcing, ignoresUnlimited }) => [
        name,
        scope,
        rules.map((rule) => rule && formatQuotaRule(rule)),
        isEnforcing,
        ignoresUnlimited,
      ]),
      [
        ['quota', 'user', [undefined, 'Trash:storage=+10%'], true, false],
        ['total', 'domain', ['*:storage=1T', 'Spam:ignore'], false, false],
        ['b', 'user', [undefined], true, true],
      ],
    );
    assert.deepEqual(
      quotaRoots.map(({ grace }) => grace.value),
      [10, 0, 10],
    );
    assert.equal(quota.maxMailSizeBytes, 30 * 1024 ** 2);
  });

  it('RULES 44: reads warnings of each root, with one or two percent signs, and their commands', () => {
    const { quotaRoots } = read(
      '[quota]\nwarning = storage=95%% /bin/warn 95 %u\nwarning2 = -messages=1K\nwarning3 =\n[quota b]\nwarning = storage=1G',
    );
    assert.deepEqual(
      quotaRoots.map(({ warnings }) => warnings.map(formatQuotaWarning)),
      [['storage=95% /bin/warn 95 %u', '-messages=1024'], ['storage=1073741824B']],
    );
  });

  it('gives a result that nobody can change', () => {
    const isFrozen = (value: unknown): boolean =>
      typeof value !== 'object' || value === null || (Object.isFrozen(value) && Object.values(value).every(isFrozen));
    assert.ok(isFrozen(read('[passdb a]\ndriver = passwd-file\npath = /x\n[quota]\nrule = *:storage=1G\n')));
  });

  it('shows the lines of faults in the order of the file', () => {
    assert.throws(
      () => read('[log]\nlevel = x\n[mail]\nhome = x\n[slas]\n'),
      (error: unknown) => {
        assert.ok(error instanceof ConfigError);
        assert.deepEqual(
          error.faults.map(({ line }) => line),
          [2, 4, 5],
        );
        return true;
      },
    );
  });

  it('limits the number of databases', () => {
    const text = Array.from({ length: 33 }, (_, i) => `[passdb p${i}]\ndriver = passwd-file\npath = /x${i}\n`).join('');
    assert.throws(() => read(text), /postern\.ini:97: \[passdb p32\]: Cannot use more than 32 sections/);
  });
});

describe('parseConfig() gives a Config or a ConfigError, and nothing else,', () => {
  const sections = Object.entries(SECTIONS).map(([name, { settings }]) => ({ name, keys: Object.keys(settings) }));
  const value = fc.oneof(
    fc.string({ maxLength: 40 }),
    fc.constantFrom(
      '',
      '0',
      'yes',
      '1h',
      '10M',
      '%u',
      '"x"',
      'unix:/a, unix:/a',
      'inet:[::]:1',
      '*:storage=1',
      '/',
      '%',
      '{',
    ),
  );
  const section = fc.oneof(
    ...sections.map(({ name, keys }) =>
      fc
        .array(fc.tuple(fc.constantFrom(...keys), value), { maxLength: 5 })
        .map((entries) => [`[${name}]`, ...entries.map(([key, text]) => `${key} = ${text}`)].join('\n')),
    ),
    fc.constantFrom('[passdb a]\ndriver = passwd-file', '[userdb b]\npath = /x', '[passdb]', '[x.y]', '[constructor]'),
  );

  it('for any text', () =>
    fc.assert(fc.property(fc.string({ maxLength: 300, unit: 'binary' }), judge), { numRuns: 500 }));

  it('for settings with any values', () => {
    fc.assert(
      fc.property(
        fc.array(section, { maxLength: 6 }).map((parts) => parts.join('\n')),
        judge,
      ),
      {
        numRuns: 1000,
      },
    );
  });

  it('for the largest files, in bounded time', () => {
    const startedAt = performance.now();
    judge(fill((i) => `[passdb p${i}]`));
    judge(fill((i) => `[s${i}]`));
    judge(`[log]\n${fill((i) => `k${i} =`)}`);
    judge(`[log]\n${fill(() => 'level = info')}`);
    judge(`[sasl]\n${fill(() => `listen = ${' '.repeat(4000)}x`)}`);
    judge(`[sasl]\nlisten = ${'a '.repeat(2000)}\nallow_nets = ${','.repeat(4000)}\n`);
    judge(`[mail]\nhome = ${'%'.repeat(4000)}\nlocation = ${'{'.repeat(4000)}\n`);
    judge(`[quota]\nexceeded_message = "${'\\\\'.repeat(2000)}\n`);
    assert.ok(performance.now() - startedAt < 10_000, 'it took more than 10 s');
  });
});

describe('findConfigPath()', () => {
  it('prefers -c, then POSTERN_CONFIG, then /etc', () => {
    const environment = { POSTERN_CONFIG: '/env.ini' };
    assert.equal(findConfigPath({ config: '/c.ini' }, environment), '/c.ini');
    assert.equal(findConfigPath({}, environment), '/env.ini');
    assert.equal(findConfigPath({}, { POSTERN_CONFIG: '' }), '/etc/postern/postern.ini');
    assert.equal(findConfigPath({}, {}), '/etc/postern/postern.ini');
  });
});

describe('compareConfigs()', () => {
  it('says nothing of a file that means the same', () => {
    const changes = compareConfigs(
      read('[auth]\nmechanisms = plain login\n'),
      read('[auth]\nmechanisms = plain,login ; x\n'),
    );
    assert.deepEqual(changes, { live: [], restart: [] });
  });

  it('parts what a reload changes from what waits for a restart', () => {
    const after =
      '[log]\nlevel = debug\n[auth]\nfailure_delay = 3s\n[sasl]\nlisten = unix:/x\n[passdb a]\n[userdb b]\n';
    assert.deepEqual(compareConfigs(read(''), read(after)), {
      live: ['[log] level', '[auth] failure_delay'],
      restart: ['[sasl] listen', '[passdb]', '[userdb]'],
    });
  });
});

describe('noteConfig()', () => {
  const cases: [string, RegExp][] = [
    ['[http]\nlisten =\n', /^\[http\] listens nowhere/],
    ['[mail]\nhome = /srv/vmail/%n\n', /two domains share/],
    ['[auth]\ndisable_plaintext_auth = no\n', /clear text/],
    ['[auth]\ntrusted_networks = 0.0.0.0/0\n', /every address/],
    ['[auth]\nmechanisms = plain cram-md5\n[passdb local]\nmechanisms = plain\n', /cram-md5.*no passdb/],
    ['[auth]\nmechanisms = plain cram-md5\n', /cram-md5.*ARGON2ID cannot serve.*PLAIN or CRAM-MD5$/],
    ['[auth]\nmechanisms = plain scram-sha-256\n', /scram-sha-256.*PLAIN or SCRAM-SHA-256$/],
    ['[auth]\nmechanisms = plain external\n', /external.*fails$/],
    ['[auth]\nmechanisms = plain anonymous\n', /anonymous.*send nothing$/],
    ['[passdb local]\nresult_failure = return-ok\n', /^\[passdb local\] result_failure = return-ok: a wrong password/],
    [
      '[passdb local]\nresult_internalfail = continue-ok\n',
      /result_internalfail.*everybody is let in while it is down/,
    ],
    ['[userdb local]\n[userdb last]\ndriver = prefetch\n', /\[userdb last\].*prefetch/],
    ['[userdb local]\n[userdb x]\ndriver = static\n', /\[userdb x\].*domains/],
    ['[mail]\nsave_to_detail_mailbox = yes\nlda_mailbox_autocreate = yes\n', /strangers can create mailboxes/],
  ];
  for (const [text, expected] of cases) {
    it(`says one thing about ${JSON.stringify(text)}`, () => {
      const notes = noteConfig(read(text));
      assert.equal(notes.length, 1);
      assert.match(notes.join(), expected);
    });
  }

  it('has nothing to say about a mechanism that new passwords serve, or that other passdbs may', () => {
    assert.deepEqual(noteConfig(read('[auth]\nmechanisms = scram-sha-256\ndefault_scheme = SCRAM-SHA-256\n')), []);
    const file = '[passdb a]\ndriver = passwd-file\npath = /x\n';
    assert.deepEqual(noteConfig(read(`[auth]\nmechanisms = cram-md5 digest-md5 scram-sha-1\n${file}`)), []);
  });

  it('has nothing to say about the defaults', () => assert.deepEqual(noteConfig(read('')), []));
});
