import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { ABSENT } from '../../../src/core/outcome.ts';
import { SourceChain } from '../../../src/directory/chain.ts';
import { MemorySource } from '../../support/memory-source.ts';

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
  return { first, second, chain: new SourceChain([first, second]) };
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
