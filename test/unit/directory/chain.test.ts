import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { ABSENT } from '../../../src/core/outcome.ts';
import { parseFieldTemplates } from '../../../src/core/fields.ts';
import { PLAIN_USERDB_RULES, SourceChain, type UserdbRules } from '../../../src/directory/chain.ts';
import type { Account, DirectorySource } from '../../../src/directory/source.ts';
import { makeAccount, MemorySource } from '../../support/memory-source.ts';
import { userQuota } from '../../support/quota.ts';

function makeChain(): { first: MemorySource; second: MemorySource; chain: SourceChain } {
  const first = new MemorySource(
    { domains: ['d.test'], accounts: ['bob@d.test'], rights: { 'x@d.test': ['bob@d.test'] } },
    'one',
  );
  const second = new MemorySource(
    {
      domains: [{ name: 'd.test', catchAll: ['ann@d.test'] }, 'e.test'],
      accounts: [{ address: 'bob@d.test', source: 'two' }, 'ann@d.test'],
      aliases: { 'info@d.test': ['ann@d.test'] },
      rights: { 'x@d.test': ['ann@d.test', 'bob@d.test'] },
    },
    'two',
  );
  return {
    first,
    second,
    chain: new SourceChain([first, second].map((source) => ({ source, rules: PLAIN_USERDB_RULES }))),
  };
}

describe('SourceChain', () => {
  it('takes the first answer that is found and goes on past absent ones', async () => {
    const { chain } = makeChain();
    const bob = await chain.findAccount('bob@d.test');
    assert.ok(bob.kind === 'found' && bob.value.source === 'memory');
    assert.equal((await chain.findAccount('ann@d.test')).kind, 'found');
    assert.equal((await chain.findAlias('info@d.test')).kind, 'found');
    assert.deepEqual(await chain.findAccount('eve@d.test'), ABSENT);
    assert.deepEqual(await chain.findDomain('f.test'), ABSENT);
  });

  it('joins what its sources say about one domain', async () => {
    const { chain } = makeChain();
    assert.deepEqual(await chain.findDomain('d.test'), {
      kind: 'found',
      value: { name: 'd.test', catchAll: ['ann@d.test'] },
    });
  });

  it('turns "absent" into "unavailable" when a source could not tell, never a "found" (RULES 6)', async () => {
    const { chain, first } = makeChain();
    first.outage = 'down';
    assert.equal((await chain.findAccount('ann@d.test')).kind, 'found');
    assert.deepEqual(await chain.findAccount('eve@d.test'), { kind: 'unavailable', reason: 'down' });
    assert.deepEqual(await chain.findAlias('eve@d.test'), { kind: 'unavailable', reason: 'down' });
    assert.deepEqual(await chain.findDomain('f.test'), { kind: 'unavailable', reason: 'down' });
    assert.equal((await chain.findDomain('e.test')).kind, 'found');
  });

  it('gathers senders from all, and has no half list', async () => {
    const { chain, second } = makeChain();
    assert.deepEqual(await chain.findSenders('x@d.test'), { kind: 'found', value: ['bob@d.test', 'ann@d.test'] });
    assert.deepEqual(await chain.findSenders('y@d.test'), ABSENT);
    second.outage = 'down';
    assert.equal((await chain.findSenders('x@d.test')).kind, 'unavailable');
  });

  it('lists each address once, as lookups find it', async () => {
    const listed: string[] = [];
    for await (const account of makeChain().chain.accounts()) listed.push(account.address);
    assert.deepEqual(listed, ['bob@d.test', 'ann@d.test']);
  });

  it('is unavailable without any source (RULES 7)', async () => {
    const chain = new SourceChain([]);
    assert.equal((await chain.findDomain('d.test')).kind, 'unavailable');
    assert.equal((await chain.findAccount('bob@d.test')).kind, 'unavailable');
    assert.equal((await chain.findSenders('bob@d.test')).kind, 'unavailable');
  });
});

function chainOf(...steps: [source: MemorySource, rules: Partial<UserdbRules>][]): SourceChain {
  return new SourceChain(steps.map(([source, rules]) => ({ source, rules: { ...PLAIN_USERDB_RULES, ...rules } })));
}
const bob = (rest: Partial<Account> = {}): MemorySource =>
  new MemorySource({ domains: ['d.test'], accounts: [{ ...makeAccount('bob@d.test'), ...rest }] });
const nobody = (): MemorySource => new MemorySource({ domains: ['d.test'] });
function broken(): MemorySource {
  const source = nobody();
  source.outage = 'down';
  return source;
}

describe('SourceChain with the rules of its sections', () => {
  const table: [name: string, chain: SourceChain, kind: string, home?: string][] = [
    ['return-ok by default', chainOf([bob({ home: '/1' }), {}], [bob({ home: '/2' }), {}]), 'found', '/1'],
    ['continue alone is no answer', chainOf([bob(), { resultSuccess: 'continue' }]), 'absent'],
    [
      'continue-ok lets a later one add',
      chainOf([bob({ home: '/1' }), { resultSuccess: 'continue-ok' }], [bob({ home: '/2' }), {}]),
      'found',
      '/2',
    ],
    [
      'continue-ok is an answer',
      chainOf([bob({ home: '/1' }), { resultSuccess: 'continue-ok' }], [nobody(), {}]),
      'found',
      '/1',
    ],
    ['continue-fail takes it back', chainOf([bob(), { resultSuccess: 'continue-fail' }], [nobody(), {}]), 'absent'],
    ['return-fail on success', chainOf([bob(), { resultSuccess: 'return-fail' }], [bob(), {}]), 'absent'],
    ['return-fail on failure', chainOf([nobody(), { resultFailure: 'return-fail' }], [bob(), {}]), 'absent'],
    [
      'return keeps what was found',
      chainOf([bob(), { resultSuccess: 'continue-ok' }], [nobody(), { resultFailure: 'return' }]),
      'found',
    ],
    [
      'skip = found',
      chainOf([bob({ home: '/1' }), { resultSuccess: 'continue-ok' }], [bob({ home: '/2' }), { skip: 'found' }]),
      'found',
      '/1',
    ],
    ['skip = notfound', chainOf([nobody(), {}], [bob(), { skip: 'notfound' }]), 'absent'],
    ['an outage turns no into later', chainOf([broken(), {}], [nobody(), {}]), 'unavailable'],
    ['an outage before a hit does not count', chainOf([broken(), {}], [bob(), {}]), 'found'],
    ['an outage is never a yes', chainOf([broken(), { resultInternalfail: 'return-ok' }], [bob(), {}]), 'unavailable'],
    [
      'an outage that ends the chain',
      chainOf([broken(), { resultInternalfail: 'return-fail' }], [bob(), {}]),
      'unavailable',
    ],
  ];
  for (const [name, chain, kind, home] of table) {
    it(name, async () => {
      const answer = await chain.findAccount('bob@d.test');
      assert.equal(answer.kind, kind);
      if (answer.kind === 'found' && home !== undefined) assert.equal(answer.value.home, home);
    });
  }

  it('fills in default_fields and puts override_fields over what was found', async () => {
    const rules = {
      defaultFields: parseFieldTemplates('home=/default/%n quota_rule=*:storage=1G uid=7'),
      overrideFields: parseFieldTemplates('gid=8 mail=maildir:/m/%d/%n'),
    };
    const [bare, full] = await Promise.all(
      [bob(), bob({ home: '/own', mail: 'maildir:/x', gid: 1 })].map((source) =>
        chainOf([source, rules]).findAccount('bob@d.test'),
      ),
    );
    assert.ok(bare?.kind === 'found' && full?.kind === 'found');
    const { home, uid, gid, mail, quota } = bare.value;
    assert.deepEqual(
      [home, uid, gid, mail, quota],
      ['/default/bob', 7, 8, 'maildir:/m/d.test/bob', userQuota('*:storage=1G')],
    );
    assert.deepEqual([full.value.home, full.value.mail, full.value.gid], ['/own', 'maildir:/m/d.test/bob', 8]);
  });

  it('never opens by a field what another closed', async () => {
    const rules = { overrideFields: parseFieldTemplates('home=/x') };
    const answer = await chainOf([bob({ canLogin: false, receive: 'hold' }), rules]).findAccount('bob@d.test');
    assert.ok(answer.kind === 'found');
    assert.deepEqual([answer.value.canLogin, answer.value.receive], [false, 'hold']);
  });

  it('is an outage when no userdb knows any domain (RULES 7), and names those that cannot be listed', async () => {
    const source: DirectorySource = { ...plainSource(), knowsDomains: false, cannotList: 'why not' };
    const chain = new SourceChain([{ source, rules: PLAIN_USERDB_RULES }]);
    assert.equal((await chain.findDomain('d.test')).kind, 'unavailable');
    assert.match(chain.cannotList ?? '', /\[userdb plain\] cannot be listed: why not/);
  });
});

function plainSource(): DirectorySource {
  const memory = new MemorySource({});
  return {
    name: 'plain',
    findDomain: (name) => memory.findDomain(name),
    findAccount: (address) => memory.findAccount(address),
    findAlias: (address) => memory.findAlias(address),
    findSenders: (address) => memory.findSenders(address),
    accounts: (domain) => memory.accounts(domain),
  };
}
