import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { ABSENT } from '../../../src/core/outcome.ts';
import type { Resolution } from '../../../src/directory/directory.ts';
import { Resolver } from '../../../src/directory/resolver.ts';
import { MemorySource, type MemoryContent } from '../../support/memory-source.ts';

function makeResolver(content: MemoryContent, recipientDelimiter = '+'): Resolver {
  return new Resolver({ source: new MemorySource(content), recipientDelimiter });
}

async function resolve(resolver: Resolver, address: string): Promise<Resolution> {
  const lookup = await resolver.resolve(address);
  if (lookup.kind !== 'found') assert.fail(`${address} is ${lookup.kind}`);
  return lookup.value;
}

/** Targets as short text: `bob@d (detail)`, `>remote@x`, `!missing@d`. */
function ends(resolution: Resolution): string[] {
  return resolution.targets.map((target) => {
    if (target.kind === 'remote') return `>${target.address}`;
    if (target.kind === 'missing') return `!${target.address}`;
    return target.detail === undefined ? target.account.address : `${target.account.address} (${target.detail})`;
  });
}

const CONTENT: MemoryContent = {
  domains: [
    'd.test',
    { name: 'all.test', catchAll: ['bob@d.test', 'joe@far.test'] },
    { name: 'also.test', standsFor: 'd.test', catchAll: [] },
    { name: 'self.test', catchAll: ['gone@self.test'] },
    'xn--bcher-kva.test',
  ],
  accounts: [
    'bob@d.test',
    'ann@d.test',
    'ann+list@d.test',
    'eve@all.test',
    'üwe@xn--bcher-kva.test',
    '__proto__@d.test',
  ],
  aliases: {
    'info@d.test': ['bob@d.test'],
    'team@d.test': ['info@d.test', 'ann@d.test', 'joe@far.test', 'typo@d.test'],
    'info+x@d.test': ['ann@d.test'],
    'dead@d.test': ['typo@d.test', 'typo2@d.test'],
    'out@d.test': ['joe@far.test'],
    'over@d.test': ['anyone@all.test'],
    'circle1@d.test': ['circle2@d.test'],
    'circle2@d.test': ['bob@d.test', 'circle3@d.test'],
    'circle3@d.test': ['circle2@d.test'],
    'self@d.test': ['self@d.test'],
    'grow@d.test': ['grow+a@d.test'],
    'bob@d.test': ['ann@d.test'],
    'viadomain@d.test': ['bob@also.test'],
  },
};

describe('Resolver.resolve()', () => {
  const resolver = makeResolver(CONTENT);
  const table: [asked: string, via: string, next: string[], ends: string[]][] = [
    ['bob@d.test', 'account', ['bob@d.test'], ['bob@d.test']],
    ['BOB@D.Test', 'account', ['bob@d.test'], ['bob@d.test']],
    ['"bob"@d.test', 'account', ['bob@d.test'], ['bob@d.test']],
    ['bob+inbox@d.test', 'account', ['bob@d.test'], ['bob@d.test (inbox)']],
    ['bob+@d.test', 'account', ['bob@d.test'], ['bob@d.test ()']],
    ['bob+a+b@d.test', 'account', ['bob@d.test'], ['bob@d.test (a+b)']],
    ['ann+list@d.test', 'account', ['ann+list@d.test'], ['ann+list@d.test']],
    ['info@d.test', 'alias', ['bob@d.test'], ['bob@d.test']],
    ['info+y@d.test', 'alias', ['bob+y@d.test'], ['bob@d.test (y)']],
    ['info+x@d.test', 'alias', ['ann@d.test'], ['ann@d.test']],
    ['out+z@d.test', 'alias', ['joe+z@far.test'], ['>joe+z@far.test']],
    [
      'team@d.test',
      'alias',
      ['info@d.test', 'ann@d.test', 'joe@far.test', 'typo@d.test'],
      ['bob@d.test', 'ann@d.test', '>joe@far.test', '!typo@d.test'],
    ],
    ['nobody@all.test', 'catch-all', ['bob@d.test', 'joe@far.test'], ['bob@d.test', '>joe@far.test']],
    ['nobody+x@all.test', 'catch-all', ['bob@d.test', 'joe@far.test'], ['bob@d.test', '>joe@far.test']],
    ['eve+x@all.test', 'account', ['eve@all.test'], ['eve@all.test (x)']],
    ['over@d.test', 'alias', ['anyone@all.test'], ['bob@d.test', '>joe@far.test']],
    ['bob@also.test', 'account', ['bob@d.test'], ['bob@d.test']],
    ['info+q@also.test', 'alias', ['bob+q@d.test'], ['bob@d.test (q)']],
    ['viadomain@d.test', 'alias', ['bob@also.test'], ['bob@d.test']],
    ['ÜWE@BÜCHER.test', 'account', ['üwe@xn--bcher-kva.test'], ['üwe@xn--bcher-kva.test']],
    ['__proto__@d.test', 'account', ['__proto__@d.test'], ['__proto__@d.test']],
  ];
  for (const [asked, via, next, targets] of table) {
    it(`leads ${asked} by ${via} to ${targets.join(', ')} (RULES 24)`, async () => {
      const resolution = await resolve(resolver, asked);
      assert.equal(resolution.via, via);
      assert.deepEqual(resolution.next, next);
      assert.deepEqual(ends(resolution), targets);
      assert.equal(resolution.fault, undefined);
    });
  }

  const absent = ['nobody@d.test', 'dead@d.test', 'x@far.test', 'constructor@d.test', '', 'bob', '@d.test', 'bob@'];
  absent.push('+bob@d.test', 'gone@self.test', 'other@self.test', "' OR 1=1 --@d.test", 'nobody@also.test', '%@d.test');
  for (const address of absent) {
    it(`finds nothing at ${JSON.stringify(address)}`, async () => {
      assert.deepEqual(await resolver.resolve(address), ABSENT);
    });
  }

  for (const [address, fault] of [
    ['circle1@d.test', 'loop'],
    ['circle2@d.test', 'loop'],
    ['self@d.test', 'loop'],
    ['grow@d.test', 'loop'],
  ] as const) {
    it(`says ${fault} for ${address}: it exists, and its mail must wait (RULES 10)`, async () => {
      assert.equal((await resolve(resolver, address)).fault, fault);
    });
  }

  it('stops at 1000 addresses and at a chain of 50 aliases (RULES 10)', async () => {
    const wide = Array.from({ length: 1001 }, (_, i) => `u${i}@far.test`);
    const aliases: Record<string, string[]> = { 'wide@d.test': wide, 'fits@d.test': wide.slice(1) };
    for (let i = 0; i < 60; i++) aliases[`c${i}@d.test`] = [`c${i + 1}@d.test`];
    const big = makeResolver({ domains: ['d.test'], accounts: ['c60@d.test'], aliases });
    assert.equal((await resolve(big, 'wide@d.test')).fault, 'limit');
    const fits = await resolve(big, 'fits@d.test');
    assert.deepEqual([fits.fault, fits.targets.length], [undefined, 1000]);
    assert.equal((await resolve(big, 'c0@d.test')).fault, 'limit');
    assert.equal((await resolve(big, 'c10@d.test')).fault, undefined);
  });

  it('walks a lattice of aliases once, not once a path', async () => {
    const aliases: Record<string, string[]> = {};
    for (let i = 0; i < 40; i++) {
      aliases[`a${i}@d.test`] = [`a${i + 1}@d.test`, `b${i + 1}@d.test`];
      aliases[`b${i}@d.test`] = [`a${i + 1}@d.test`, `b${i + 1}@d.test`];
    }
    const lattice = makeResolver({ domains: ['d.test'], accounts: ['a40@d.test', 'b40@d.test'], aliases });
    const resolution = await resolve(lattice, 'a0@d.test');
    assert.deepEqual([ends(resolution), resolution.fault], [['a40@d.test', 'b40@d.test'], undefined]);
  });

  it('takes recipient_delimiter as a set of characters, and none for none', async () => {
    const both = makeResolver(CONTENT, '+-');
    assert.equal((await resolve(both, 'bob-list+x@d.test')).detail, 'list+x');
    assert.deepEqual((await resolve(both, 'info-y@d.test')).next, ['bob-y@d.test']);
    assert.deepEqual(await makeResolver(CONTENT, '').resolve('bob+x@d.test'), ABSENT);
  });

  it('keeps the case of the detail, which may name a folder, and of nothing else', async () => {
    const direct = await resolve(resolver, 'Bob+Work.Old@D.test');
    assert.deepEqual(
      [direct.address, direct.detail, ends(direct)],
      ['bob+work.old@d.test', 'Work.Old', ['bob@d.test (Work.Old)']],
    );
    assert.deepEqual(ends(await resolve(resolver, 'INFO+Work@d.test')), ['bob@d.test (Work)']);
    // One letter in upper case is two when folded: then the folded form stays.
    assert.equal((await resolve(resolver, 'bob+\u0130x@d.test')).detail, 'i\u0307x');
  });

  it('is unavailable when any part of the way is', async () => {
    const source = new MemorySource(CONTENT);
    source.outage = 'down';
    const broken = new Resolver({ source, recipientDelimiter: '+' });
    for (const address of ['bob@d.test', 'nobody@d.test', 'x@far.test']) {
      assert.deepEqual(await broken.resolve(address), { kind: 'unavailable', reason: 'down' });
      assert.deepEqual(await broken.findSenders(address), { kind: 'unavailable', reason: 'down' });
    }
  });

  it('is unavailable for a domain that stands for one that is not there, or for itself', async () => {
    const content = { domains: [{ name: 'a.test', standsFor: 'b.test', catchAll: [] }] };
    assert.equal((await makeResolver(content).resolve('bob@a.test')).kind, 'unavailable');
    const circle = { domains: [{ name: 'a.test', standsFor: 'a.test', catchAll: [] }] };
    assert.equal((await makeResolver(circle).resolve('bob@a.test')).kind, 'unavailable');
  });
});

describe('Resolver.resolve() over random directories', () => {
  const locals = ['a', 'b', 'c', 'a+x', 'b+y', '__proto__'];
  const domains = ['d.test', 'e.test', 'f.test'];
  const address = fc
    .tuple(fc.constantFrom(...locals), fc.constantFrom(...domains, 'far.test'))
    .map(([local, domain]) => `${local}@${domain}`);
  const list = fc.uniqueArray(address, { minLength: 1, maxLength: 3 });
  const content = fc
    .record({
      accounts: fc.uniqueArray(address, { maxLength: 4 }),
      aliases: fc.uniqueArray(fc.tuple(address, list), { maxLength: 12, selector: ([from]) => from }),
      catchAll: fc.oneof(fc.constant([]), list),
      standsFor: fc.option(fc.constant('d.test'), { nil: undefined }),
    })
    .map(({ accounts, aliases, catchAll, standsFor }) => ({
      domains: [
        { name: 'd.test', catchAll: [] },
        { name: 'e.test', catchAll },
        { name: 'f.test', catchAll: [], standsFor },
      ],
      accounts,
      aliases: Object.fromEntries(aliases),
    }));

  it('always ends, and says an address exists exactly when one of its next does (RULES 10, 23)', async () => {
    await fc.assert(
      fc.asyncProperty(content, address, async (directory, asked) => {
        const resolver = makeResolver(directory);
        const lookup = await resolver.resolve(asked);
        assert.notEqual(lookup.kind, 'unavailable');
        if (lookup.kind !== 'found' || lookup.value.fault !== undefined) return;
        assert.ok(lookup.value.next.length > 0);
        const kinds = await Promise.all(
          lookup.value.next.map(async (next) =>
            (await resolver.findDomain(next.slice(next.indexOf('@') + 1))).kind === 'found'
              ? (await resolver.resolve(next)).kind
              : 'found',
          ),
        );
        assert.ok(kinds.includes('found'), `${asked} exists, its next ${lookup.value.next.join()} do not`);
      }),
      { numRuns: 2000 },
    );
  });

  it('never names a sender who has no account that may send', async () => {
    await fc.assert(
      fc.asyncProperty(content, address, async (directory, asked) => {
        const senders = await makeResolver({ ...directory, sendAs: Object.keys(directory.aliases) }).findSenders(asked);
        if (senders.kind === 'found') {
          for (const sender of senders.value) assert.ok(directory.accounts.includes(sender));
        }
      }),
      { numRuns: 500 },
    );
  });
});

describe('Resolver.findSenders()', () => {
  const resolver = makeResolver({
    domains: [
      'd.test',
      { name: 'e.test', catchAll: ['bob@d.test'] },
      { name: 'also.test', standsFor: 'd.test', catchAll: [] },
    ],
    accounts: ['bob@d.test', 'ann@d.test', { address: 'mute@d.test', canSend: false }],
    aliases: {
      'sales@d.test': ['bob@d.test', 'deep@d.test', 'joe@far.test', 'mute@d.test', 'lost@e.test'],
      'deep@d.test': ['ann@d.test'],
      'read@d.test': ['bob@d.test'],
      'loop@d.test': ['loop@d.test'],
    },
    sendAs: ['sales@d.test', 'loop@d.test'],
    rights: {
      'boss@d.test': ['ann@d.test', 'mute@d.test'],
      '@e.test': ['ann@d.test'],
      'bob@mail.test': ['bob@d.test'],
      'bob@d.test': ['ann@d.test'],
    },
  });
  const table: [string, string[]][] = [
    ['ann@d.test', ['ann@d.test']],
    ['bob+shop@d.test', ['bob@d.test', 'ann@d.test']],
    ['sales@d.test', ['bob@d.test', 'ann@d.test']],
    ['Sales+x@D.test', ['bob@d.test', 'ann@d.test']],
    ['boss@d.test', ['ann@d.test']],
    ['anything@e.test', ['ann@d.test']],
    ['bob@mail.test', ['bob@d.test']],
    ['ann@also.test', ['ann@d.test']],
    ['boss@also.test', ['ann@d.test']],
  ];
  for (const [address, senders] of table) {
    it(`lets ${senders.join(' and ')} send as ${address} (RULES 22)`, async () => {
      assert.deepEqual(await resolver.findSenders(address), { kind: 'found', value: senders });
    });
  }
  for (const address of ['read@d.test', 'mute@d.test', 'nobody@d.test', 'joe@far.test', '', 'bob']) {
    it(`lets nobody send as "${address}"`, async () => {
      assert.deepEqual(await resolver.findSenders(address), ABSENT);
    });
  }
  it('cannot tell who may send as an alias that runs in a circle', async () => {
    assert.equal((await resolver.findSenders('loop@d.test')).kind, 'unavailable');
  });
  it('RULES 37: an anonymous login owns no sender, whatever the directory says', async () => {
    const source = new MemorySource({
      domains: ['d.test'],
      accounts: ['guest@d.test', 'bob@d.test'],
      rights: { 'bob@d.test': ['guest@d.test'] },
    });
    const careful = new Resolver({ source, recipientDelimiter: '+', anonymousUsername: 'Guest@d.test' });
    assert.deepEqual(await careful.findSenders('guest@d.test'), ABSENT);
    assert.deepEqual(await careful.findSenders('bob@d.test'), { kind: 'found', value: ['bob@d.test'] });
  });
});
