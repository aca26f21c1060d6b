/** Entries that only give fields (`noauthenticate`) and whom they keep out. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { PassdbEntry } from '../../../src/auth/passdb.ts';
import { found } from '../../../src/core/outcome.ts';
import { stepOf } from '../../support/login-core.ts';
import { BOB, CONTEXT, createLoginScene, sayWhy, type LoginScene } from '../../support/login-scene.ts';
import { MemoryPassdb } from '../../support/memory-passdb.ts';

const AWAY = { remoteAddress: '192.0.2.200' };
const HERE = ['198.51.100.0/24'];

interface RestrictedScene extends LoginScene {
  readonly extra: MemoryPassdb;
  readonly restrict: (entry: Partial<PassdbEntry>) => void;
}

/** Bob has a password in one passdb, and fields in another that is asked before. */
function setUp(password = '{SHA512-CRYPT}secret'): RestrictedScene {
  const limits = new MemoryPassdb('limits');
  const passdb = new MemoryPassdb('local');
  passdb.set(BOB, password);
  limits.version = passdb.version = 1;
  const scene = createLoginScene({ steps: [stepOf(limits), stepOf(passdb)] });
  return { ...scene, extra: limits, restrict: (entry) => limits.set(BOB, undefined, { isFieldsOnly: true, ...entry }) };
}

describe('An entry that only gives fields', () => {
  it('keeps out whoever is off there, and whoever comes from another network', async () => {
    const { login, restrict } = setUp();
    restrict({ canLogin: false });
    assert.equal(sayWhy(await login(BOB, 'secret')), 'login-off');
    restrict({ allowNets: HERE });
    assert.equal(sayWhy(await login(BOB, 'secret', AWAY)), 'network');
    assert.equal(sayWhy(await login(BOB, 'secret')), 'accepted');
    assert.equal(sayWhy(await login(BOB, 'wrong')), 'wrong-password');
  });

  it('does so too for a login that is recalled', async () => {
    const { login, recall, restrict } = setUp();
    restrict({ allowNets: HERE });
    await login(BOB, 'secret');
    assert.equal(recall(BOB, 'secret')?.kind, 'accepted');
    assert.equal(recall(BOB, 'secret', AWAY), undefined);
  });

  it('does so too after a proof', async () => {
    const { core, restrict } = setUp('{PLAIN}secret');
    restrict({ canLogin: false });
    const claim = { username: BOB, scheme: 'CRAM-MD5' } as const;
    const pending = await core.findCredential(claim, { ...CONTEXT, mechanism: 'CRAM-MD5' });
    assert.ok(
      pending.kind === 'pending' && pending.credential.kind === 'plain',
      'nobody learns of it before the proof',
    );
    assert.equal(sayWhy(await pending.conclude(true)), 'login-off');
  });

  it('does so too for somebody a master acts as', async () => {
    const masters = new MemoryPassdb('masters');
    masters.set('admin@example.com', '{SHA512-CRYPT}secret');
    const limits = new MemoryPassdb('limits');
    const passdb = new MemoryPassdb('local');
    passdb.set(BOB, '{SHA512-CRYPT}other');
    const steps = [stepOf(masters, { isMaster: true }), stepOf(limits), stepOf(passdb)];
    const { act } = createLoginScene({ steps, findAccount: () => Promise.resolve(found({})) });
    assert.equal(sayWhy(await act(BOB, 'admin@example.com', 'secret')), 'accepted');
    limits.set(BOB, undefined, { isFieldsOnly: true, canLogin: false });
    assert.equal(sayWhy(await act(BOB, 'admin@example.com', 'secret')), 'login-off');
  });

  it('goes on forbidding in an outage what it forbade, which is an outage then', async () => {
    const { login, restrict, extra } = setUp();
    restrict({ allowNets: HERE });
    await login(BOB, 'secret');
    extra.outage = 'gone';
    assert.equal(sayWhy(await login(BOB, 'secret')), 'accepted');
    assert.equal(sayWhy(await login(BOB, 'secret', AWAY)), 'unavailable');
  });

  it('leaves a login open whose networks nobody can read', async () => {
    const { login, restrict } = setUp();
    restrict({ allowNets: ['nonsense'] });
    assert.equal(sayWhy(await login(BOB, 'secret')), 'unavailable');
  });
});
