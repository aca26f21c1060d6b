import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import { makeSite, type Site } from './directory-site.ts';

async function makeFilled(t: TestContext): Promise<Site> {
  const site = makeSite(t);
  for (const args of [
    [
      'domain',
      'add',
      'd.test',
      '--quota',
      '*:storage=1G',
      '--quota',
      'Trash:storage=+10%%',
      '--total-quota',
      '*:storage=5G',
    ],
    ['account', 'add', 'bob@d.test', '--no-password', '--quota', '*:storage=2G', '--quota', 'Deleted Items:ignore'],
  ]) {
    const { code, err } = await site.run(args);
    assert.equal(code, 0, err);
  }
  return site;
}

describe('quota rules of the embedded database', () => {
  it('are shown with the domain and the account that have them', async (t) => {
    const site = await makeFilled(t);
    assert.equal(
      (await site.run(['domain', 'list'])).out,
      'd.test  1 accounts, 0 aliases, *:storage=1G each, Trash:storage=+10% each, *:storage=5G in all\n',
    );
    const domains: Record<string, unknown>[] = JSON.parse((await site.run(['domain', 'list', '--json'])).out);
    assert.deepEqual(domains[0]?.['quotaRules'], ['*:storage=1G', 'Trash:storage=+10%']);
    assert.deepEqual(domains[0]?.['totalQuotaRules'], ['*:storage=5G']);
    assert.match(
      (await site.run(['account', 'show', 'bob@d.test'])).out,
      /^quota +\*:storage=2G, Deleted Items:ignore$/m,
    );
    const { out } = await site.run(['user', 'bob@d.test']);
    assert.match(out, /^quota_rule +\*:storage=2G$/m);
    assert.match(out, /^quota_rule +Trash:storage=\+10%$/m);
    assert.match(out, /^total quota +\*:storage=5G$/m);
  });

  it('are replaced as a whole by --quota, one limit at a time by --quota-storage, and taken away by an empty rule', async (t) => {
    const site = await makeFilled(t);
    async function showQuota(...args: string[]): Promise<unknown> {
      const { code, err } = await site.run(['account', 'set', 'bob@d.test', ...args]);
      assert.equal(code, 0, err);
      const account: Record<string, unknown> = JSON.parse(
        (await site.run(['account', 'show', 'bob@d.test', '--json'])).out,
      );
      return account['quota'];
    }
    assert.deepEqual(await showQuota('--quota-messages', '1K'), ['*:storage=2G:messages=1024', 'Deleted Items:ignore']);
    assert.deepEqual(await showQuota('--quota', '*:storage=0'), ['*:storage=0']);
    assert.deepEqual(await showQuota('--quota', ''), []);
  });

  it('are refused with the reason when they mean nothing', async (t) => {
    const site = await makeFilled(t);
    const { code, err } = await site.run(['account', 'set', 'bob@d.test', '--quota', '*:ignore']);
    assert.equal(code, 64);
    assert.match(err, /"ignore" is for mailboxes/);
    assert.equal((await site.run(['domain', 'set', 'd.test', '--total-quota', 'Trash'])).code, 64);
  });
});
