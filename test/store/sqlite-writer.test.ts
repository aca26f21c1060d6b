import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, it } from 'node:test';
import Database from 'better-sqlite3';
import type { AdminOutcome, DirectoryAdmin, Refusal } from '../../src/directory/admin.ts';
import { openAdmin } from './engines.ts';
import { formatQuotaRule, parseQuotaRule } from '../../src/core/quota-rule.ts';

const HOMES = '/nonexistent/vmail';

async function done(change: Promise<AdminOutcome>): Promise<readonly string[]> {
  const outcome = await change;
  if (outcome.kind === 'refused') assert.fail(outcome.reason);
  return outcome.notes;
}
async function refused(change: Promise<AdminOutcome>, refusal: Refusal): Promise<string> {
  const outcome = await change;
  if (outcome.kind === 'done') assert.fail(`expected ${refusal}`);
  assert.equal(outcome.refusal, refusal, outcome.reason);
  return outcome.reason;
}
/** The options of an alias. */
function alias(
  targets: string[],
  rest: { sendAs?: boolean; replace?: boolean } = {},
): { targets: string[]; sendAs: boolean; replace: boolean } {
  return { targets, sendAs: false, replace: false, ...rest };
}

describe('openSqliteAdmin()', () => {
  let folder: string;
  let admin: DirectoryAdmin;

  beforeEach(async () => {
    folder = mkdtempSync(join(tmpdir(), 'postern-writer-'));
    admin = openAdmin(join(folder, 'postern.db'));
    await done(admin.domains.add('d.test', {}));
    await done(admin.accounts.add('bob@d.test', { adopt: false, password: '{PLAIN}1' }));
  });
  afterEach(() => {
    admin.close();
    rmSync(folder, { recursive: true });
  });

  describe('accounts', () => {
    it('keeps the address in lower case with an A-label domain, and the address as login name', async () => {
      await done(admin.domains.add('Bücher.Test.', {}));
      await done(admin.accounts.add('ANN@BÜCHER.test', { adopt: false, displayName: 'Ann' }));
      const ann = admin.accounts.find('Ann@bücher.test');
      assert.equal(ann?.address, 'ann@xn--bcher-kva.test');
      assert.deepEqual(ann.loginNames, ['ann@xn--bcher-kva.test']);
      assert.equal(ann.home, `${HOMES}/xn--bcher-kva.test/ann`);
      assert.deepEqual([ann.hasPassword, ann.displayName, ann.canLogin, ann.receive], [false, 'Ann', true, 'accept']);
    });

    it('refuses what is no address, whose domain is not ours, or what is taken', async () => {
      for (const text of ['', 'bob', '@d.test', 'bob@', 'a\0b@d.test', 'a\nb@d.test', '"\\"x\\""@d.test']) {
        await refused(admin.accounts.add(text, { adopt: false }), 'bad-value');
      }
      await refused(admin.accounts.add('eve@far.test', { adopt: false }), 'missing');
      await refused(admin.accounts.add('BOB@d.test', { adopt: false }), 'exists');
      await done(admin.aliases.add('info@d.test', alias(['bob@d.test'])));
      await refused(admin.accounts.add('info@d.test', { adopt: false }), 'exists');
    });

    it('refuses local parts that make a dangerous path (RULES 14)', async () => {
      for (const local of ['.', '..', '../x', 'a/b', '/', 'a@b']) {
        await refused(admin.accounts.add(`"${local}"@d.test`, { adopt: false }), 'bad-value');
        await refused(
          admin.accounts.rename('bob@d.test', { address: `"${local}"@d.test`, keepAlias: false }),
          'bad-value',
        );
      }
      await refused(admin.accounts.set('bob@d.test', { home: 'relative' }), 'bad-value');
      await refused(admin.accounts.set('bob@d.test', { home: '/srv/../etc' }), 'bad-value');
    });

    it('changes only what is given', async () => {
      await done(
        admin.accounts.set('bob@d.test', {
          storageBytes: 1024,
          messages: 10,
          allowNets: ['192.0.2.0/24', '::1/128'],
          note: 'n',
          receive: 'hold',
          canSend: false,
        }),
      );
      await done(admin.accounts.set('bob@d.test', { messages: null, canLogin: false }));
      const bob = admin.accounts.find('bob@d.test');
      assert.deepEqual(bob?.quota, [{ root: 1, place: 'account', rule: parseQuotaRule('*:storage=1K') }]);
      assert.deepEqual(
        [bob.allowNets, bob.note, bob.receive, bob.canSend, bob.canLogin, bob.hasPassword],
        [['192.0.2.0/24', '::1/128'], 'n', 'hold', false, false, true],
      );
      await refused(admin.accounts.set('eve@d.test', {}), 'missing');
    });

    it('gives an account the rules of its domain and its own on top, and changes one limit without the others', async () => {
      const show = (): string[] =>
        (admin.accounts.find('bob@d.test')?.quota ?? []).map(
          ({ root, place, rule }) => `${root} ${place} ${formatQuotaRule(rule)}`,
        );
      const rules = ['*:storage=1G', '*:messages=10', 'Trash:storage=+10%'].map(parseQuotaRule);
      await done(admin.accounts.set('bob@d.test', { quotaRules: rules }));
      assert.deepEqual(
        show(),
        rules.map((rule) => `1 account ${formatQuotaRule(rule)}`),
      );
      await done(admin.accounts.set('bob@d.test', { messages: 20 }));
      const own = ['1 account *:storage=1G:messages=20', '1 account Trash:storage=+10%'];
      assert.deepEqual(show(), own);
      const total = [parseQuotaRule('*:storage=9G')];
      await done(admin.domains.set('d.test', { quotaRules: [parseQuotaRule('Spam:ignore')], totalQuotaRules: total }));
      assert.deepEqual(show(), ['1 domain Spam:ignore', 'domain domain *:storage=9G', ...own]);
      const domain = admin.domains.list().find(({ name }) => name === 'd.test');
      assert.deepEqual(domain?.totalQuotaRules, total);
      await done(admin.accounts.set('bob@d.test', { storageBytes: null, messages: null }));
      await done(admin.domains.set('d.test', { quotaRules: [], totalQuotaRules: [] }));
      assert.deepEqual(show(), ['1 account Trash:storage=+10%']);
      await done(admin.accounts.set('bob@d.test', { quotaRules: [] }));
      assert.deepEqual(show(), []);
    });

    it('keeps mail on removal, and gives the address out again only with adopt (RULES 15)', async () => {
      const notes = await done(admin.accounts.remove('bob@d.test'));
      assert.match(notes.join(), /kept in .*\/d\.test\/bob/);
      assert.equal(admin.accounts.find('bob@d.test'), undefined);
      await refused(admin.accounts.add('bob@d.test', { adopt: false }), 'has-mail');
      await done(admin.accounts.add('bob@d.test', { adopt: true }));
      assert.equal(admin.accounts.find('bob@d.test')?.home, `${HOMES}/d.test/bob`);
    });

    it('adopts the home the mail lies in, not the one the template would make now (RULES 15)', async () => {
      await done(admin.accounts.set('bob@d.test', { home: '/nonexistent/old/bob' }));
      await done(admin.accounts.remove('bob@d.test'));
      await done(admin.accounts.add('bob@d.test', { adopt: true }));
      assert.equal(admin.accounts.find('bob@d.test')?.home, '/nonexistent/old/bob');
    });

    it('wants adopt for a home that is there although no account had it (RULES 15)', async () => {
      const home = join(folder, 'home');
      mkdirSync(home);
      await refused(admin.accounts.add('eve@d.test', { adopt: false, home }), 'has-mail');
      await done(admin.accounts.add('eve@d.test', { adopt: true, home }));
    });

    it('renames without moving mail or password, and nobody gets the old home (RULES 15)', async () => {
      await done(admin.aliases.add('info@d.test', alias(['bob@d.test', 'joe@far.test'])));
      await done(admin.domains.set('d.test', { catchAll: ['x@far.test', 'bob@d.test'] }));
      await done(admin.accounts.rename('bob@d.test', { address: 'Bill@d.test', keepAlias: false }));
      assert.equal(admin.accounts.find('bob@d.test'), undefined);
      const bill = admin.accounts.find('bill@d.test');
      assert.deepEqual(
        [bill?.home, bill?.hasPassword, bill?.loginNames],
        [`${HOMES}/d.test/bob`, true, ['bill@d.test']],
      );
      assert.deepEqual(admin.aliases.list()[0]?.targets, ['bill@d.test', 'joe@far.test']);
      assert.deepEqual(admin.domains.list()[0]?.catchAll, ['x@far.test', 'bill@d.test']);
      await refused(admin.accounts.add('bob@d.test', { adopt: false }), 'in-use');
      await refused(admin.accounts.add('bob@d.test', { adopt: true }), 'in-use');
      await done(admin.accounts.add('bob@d.test', { adopt: false, home: '/nonexistent/new' }));
    });

    it('keeps the old address of a renamed account as an alias it may send as', async () => {
      await done(admin.accounts.rename('bob@d.test', { address: 'bill@d.test', keepAlias: true }));
      const { address, targets, sendAs } = admin.aliases.list()[0] ?? assert.fail();
      assert.deepEqual({ address, targets, sendAs }, { address: 'bob@d.test', targets: ['bill@d.test'], sendAs: true });
    });

    it('refuses to rename onto an account or alias, or into a domain that is not ours', async () => {
      await done(admin.accounts.add('ann@d.test', { adopt: false }));
      await done(admin.aliases.add('info@d.test', alias(['ann@d.test'])));
      await refused(admin.accounts.rename('bob@d.test', { address: 'ann@d.test', keepAlias: false }), 'exists');
      await refused(admin.accounts.rename('bob@d.test', { address: 'info@d.test', keepAlias: false }), 'exists');
      await refused(admin.accounts.rename('bob@d.test', { address: 'bob@far.test', keepAlias: false }), 'missing');
      await refused(admin.accounts.rename('eve@d.test', { address: 'x@d.test', keepAlias: false }), 'missing');
    });

    it('gives a login name to one account only (RULES 22)', async () => {
      await done(admin.accounts.add('ann@d.test', { adopt: false }));
      await refused(admin.accounts.set('ann@d.test', { loginNames: ['BOB@d.test'] }), 'exists');
      await done(admin.accounts.set('bob@d.test', { loginNames: ['eve@d.test', 'eve@d.test'] }));
      await refused(admin.accounts.add('eve@d.test', { adopt: false }), 'exists');
      assert.equal(admin.accounts.find('eve@d.test'), undefined, 'nothing of a refused change stays');
      await refused(admin.accounts.set('bob@d.test', { loginNames: ['a\tb'] }), 'bad-value');
    });

    it('keeps sender rights as addresses and whole domains', async () => {
      await done(admin.accounts.set('bob@d.test', { senders: ['Boss@D.test', '@FAR.test', '@far.test'] }));
      assert.deepEqual(admin.accounts.find('bob@d.test')?.senders, ['@far.test', 'boss@d.test']);
      await refused(admin.accounts.set('bob@d.test', { senders: ['far.test'] }), 'bad-value');
      await refused(admin.accounts.set('bob@d.test', { senders: ['@'] }), 'bad-value');
    });

    it('lists in the order of addresses, also of one domain and of more than one chunk', async () => {
      await done(admin.domains.add('e.test', {}));
      for (let i = 0; i < 501; i++) await done(admin.accounts.add(`u${i}@e.test`, { adopt: true }));
      assert.equal([...admin.accounts.list()].length, 502);
      assert.deepEqual(
        [...admin.accounts.list('D.TEST')].map(({ address }) => address),
        ['bob@d.test'],
      );
      assert.equal([...admin.accounts.list('E.test')].length, 501);
      assert.deepEqual([...admin.accounts.list('not a domain')], []);
    });

    it('says which aliases a removed account leaves behind', async () => {
      await done(admin.aliases.add('info@d.test', alias(['bob@d.test'])));
      assert.match((await done(admin.accounts.remove('bob@d.test'))).join('\n'), /Alias info@d\.test still leads/);
    });
  });

  describe('aliases', () => {
    it('keeps targets in order, once each, normalised', async () => {
      await done(
        admin.aliases.add('Info@D.test', alias(['joe@FAR.test', 'BOB@d.test', 'joe@far.test'], { sendAs: true })),
      );
      const { address, targets, sendAs } = admin.aliases.list('d.test')[0] ?? assert.fail();
      assert.deepEqual([address, targets, sendAs], ['info@d.test', ['joe@far.test', 'bob@d.test'], true]);
      assert.deepEqual(admin.aliases.list('e.test'), []);
    });

    it('refuses circles, also over several aliases, details, domains and the catch-all (RULES 10)', async () => {
      await refused(admin.aliases.add('a@d.test', alias(['a@d.test'])), 'loop');
      await refused(admin.aliases.add('a@d.test', alias(['a+x@d.test'])), 'loop');
      await done(admin.aliases.add('a@d.test', alias(['b@d.test'])));
      await done(admin.aliases.add('b@d.test', alias(['c@d.test', 'bob@d.test'])));
      await refused(admin.aliases.add('c@d.test', alias(['a@d.test'])), 'loop');
      await done(admin.domains.add('also.test', { standsFor: 'd.test' }));
      await refused(admin.aliases.add('c@d.test', alias(['A@also.test'])), 'loop');
      await done(admin.domains.add('all.test', { catchAll: ['a@d.test'] }));
      await refused(admin.aliases.add('c@d.test', alias(['anything@all.test'])), 'loop');
      assert.deepEqual(
        admin.aliases.list().map(({ address }) => address),
        ['a@d.test', 'b@d.test'],
      );
    });

    it('refuses more targets than mail can go to (RULES 10)', async () => {
      const targets = Array.from({ length: 1001 }, (_, i) => `u${i}@far.test`);
      await refused(admin.aliases.add('wide@d.test', alias(targets)), 'bad-value');
      await done(admin.aliases.add('half@d.test', alias(targets.slice(0, 600))));
      await done(admin.aliases.add('rest@d.test', alias(targets.slice(500))));
      await refused(admin.aliases.add('both@d.test', alias(['half@d.test', 'rest@d.test'])), 'loop');
    });

    it('refuses the address of an account, of an alias, and of a domain that is not ours', async () => {
      await refused(admin.aliases.add('bob@d.test', alias(['joe@far.test'])), 'exists');
      await refused(admin.aliases.add('bob@d.test', alias(['joe@far.test'], { replace: true })), 'exists');
      await refused(admin.aliases.add('x@far.test', alias(['bob@d.test'])), 'missing');
      await done(admin.aliases.add('x@d.test', alias(['bob@d.test'])));
      await refused(admin.aliases.add('x@d.test', alias(['joe@far.test'])), 'exists');
      await done(admin.aliases.add('x@d.test', alias(['joe@far.test'], { replace: true })));
      assert.deepEqual(admin.aliases.list()[0]?.targets, ['joe@far.test']);
      await refused(admin.aliases.add('y@d.test', alias([])), 'bad-value');
      await refused(admin.aliases.add('y@d.test', alias(['nonsense'])), 'bad-value');
    });

    it('notes targets that do not exist', async () => {
      assert.match(
        (await done(admin.aliases.add('x@d.test', alias(['bob@d.test', 'typo@d.test'])))).join(),
        /typo@d\.test/,
      );
      assert.match((await done(admin.aliases.add('y@d.test', alias(['typo@d.test'])))).join(), /Nothing/);
    });

    it('removes one, once', async () => {
      await done(admin.aliases.add('x@d.test', alias(['bob@d.test'])));
      await done(admin.aliases.remove('X@d.test'));
      await refused(admin.aliases.remove('x@d.test'), 'missing');
    });
  });

  describe('domains', () => {
    it('refuses what is no domain, or there already', async () => {
      for (const name of ['', '.', 'a b', 'a/b', '-', 'x'.repeat(300)])
        await refused(admin.domains.add(name, {}), 'bad-value');
      await refused(admin.domains.add('D.TEST', {}), 'exists');
      await refused(admin.domains.set('far.test', {}), 'missing');
      await refused(admin.domains.remove('far.test', { force: true }), 'missing');
    });

    it('is removed with accounts and aliases only by force, and their mail is remembered (RULES 15)', async () => {
      await done(admin.aliases.add('info@d.test', alias(['bob@d.test'])));
      await refused(admin.domains.remove('d.test', { force: false }), 'in-use');
      const notes = await done(admin.domains.remove('d.test', { force: true }));
      assert.match(notes.join('\n'), /mail of the accounts was kept[^]*last domain/);
      await done(admin.domains.add('d.test', {}));
      await refused(admin.accounts.add('bob@d.test', { adopt: false }), 'has-mail');
    });

    it('stands for one domain, in chains of one, and then holds nothing (RULES 43)', async () => {
      await done(admin.domains.add('also.test', { standsFor: 'D.test' }));
      await refused(admin.accounts.add('eve@also.test', { adopt: false }), 'in-use');
      await refused(admin.aliases.add('eve@also.test', alias(['bob@d.test'])), 'in-use');
      await refused(admin.domains.add('third.test', { standsFor: 'also.test' }), 'loop');
      await refused(admin.domains.set('d.test', { standsFor: 'd.test' }), 'loop');
      await refused(admin.domains.set('d.test', { standsFor: 'also.test' }), 'loop');
      await refused(admin.domains.add('third.test', { standsFor: 'far.test' }), 'missing');
      await refused(admin.domains.set('also.test', { catchAll: ['bob@d.test'] }), 'in-use');
      await refused(admin.domains.remove('d.test', { force: true }), 'in-use');
      await done(admin.domains.set('also.test', { standsFor: null }));
      await done(admin.accounts.add('eve@also.test', { adopt: false }));
      await refused(admin.domains.set('also.test', { standsFor: 'd.test' }), 'in-use');
      assert.equal(admin.domains.list().length, 2, 'nothing of a refused change stays');
    });

    it('refuses a catch-all that runs in a circle, and notes one that leads nowhere (RULES 10)', async () => {
      await done(admin.domains.add('e.test', { catchAll: ['x@d.test', 'bob@d.test'] }));
      await refused(admin.domains.set('d.test', { catchAll: ['y@e.test'] }), 'loop');
      assert.match((await done(admin.domains.set('e.test', { catchAll: ['gone@e.test'] }))).join(), /Nothing/);
      await done(admin.domains.set('e.test', { catchAll: [] }));
      assert.deepEqual(admin.domains.list()[1]?.catchAll, []);
    });
  });

  it('has indexes and foreign keys that keep rows whole when it is changed by hand', () => {
    const database = new Database(join(folder, 'postern.db'));
    assert.throws(() => database.exec("INSERT INTO alias VALUES ('x@no.test', 'no.test', 0, 0)"), /FOREIGN KEY/);
    assert.deepEqual(database.pragma('foreign_key_check'), []);
    assert.equal(database.pragma('integrity_check', { simple: true }), 'ok');
    database.close();
  });
});
