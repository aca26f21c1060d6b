import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { withFields, type FieldRules } from '../../../src/auth/field-rules.ts';
import type { PassdbEntry } from '../../../src/auth/passdb.ts';
import { parseFieldTemplates } from '../../../src/core/fields.ts';
import { CollectingLogger } from '../../support/collecting-logger.ts';
import { MemoryPassdb } from '../../support/memory-passdb.ts';
import { queryFor } from '../../support/passdb-query.ts';

const BOB = 'bob@example.com';

async function read(
  texts: { readonly defaults?: string; readonly overrides?: string },
  entry: Partial<PassdbEntry> = {},
): Promise<PassdbEntry> {
  const passdb = new MemoryPassdb('local');
  passdb.set(BOB, '{PLAIN}secret', entry);
  const lookup = await withFields(passdb, rulesOf(texts)).find(queryFor(BOB));
  assert.ok(lookup.kind === 'found', JSON.stringify(lookup));
  return lookup.value;
}

function rulesOf(
  { defaults = '', overrides = '' }: { defaults?: string; overrides?: string },
  logger = new CollectingLogger(),
): FieldRules {
  return {
    name: 'local',
    defaultFields: parseFieldTemplates(defaults),
    overrideFields: parseFieldTemplates(overrides),
    logger,
  };
}

describe('withFields()', () => {
  it('puts default fields where the entry says nothing, and override fields over what it says', async () => {
    const entry = { fields: new Map([['userdb_home', '/own']]) };
    const defaults = await read({ defaults: 'userdb_home=/default userdb_quota=%u' }, entry);
    assert.deepEqual(
      [...defaults.fields],
      [
        ['userdb_home', '/own'],
        ['userdb_quota', BOB],
      ],
    );
    const overrides = await read({ overrides: 'userdb_home=/over/%Ud' }, entry);
    assert.deepEqual([...overrides.fields], [['userdb_home', '/over/EXAMPLE.COM']]);
  });

  it('has them mean what they mean in an entry', async () => {
    assert.equal((await read({ overrides: 'nologin' })).canLogin, false);
    assert.deepEqual((await read({ overrides: 'allow_nets=10.0.0.0/8,local' })).allowNets, ['10.0.0.0/8', 'local']);
    assert.equal((await read({ defaults: 'nodelay' })).hasNoDelay, true);
    assert.equal((await read({ overrides: 'noauthenticate' })).isFieldsOnly, true);
    assert.equal((await read({ overrides: 'user=robert@example.com' })).user, 'robert@example.com');
    assert.deepEqual((await read({ overrides: 'allow_nets=%r' })).allowNets, ['198.51.100.7']);
  });

  it('keeps the networks of an entry before those of default fields', async () => {
    const entry = { allowNets: ['192.0.2.0/24'] };
    assert.deepEqual((await read({ defaults: 'allow_nets=10.0.0.0/8' }, entry)).allowNets, ['192.0.2.0/24']);
    assert.deepEqual((await read({ overrides: 'allow_nets=10.0.0.0/8' }, entry)).allowNets, ['10.0.0.0/8']);
    assert.deepEqual((await read({ overrides: 'nodelay' }, entry)).allowNets, ['192.0.2.0/24']);
  });

  it('takes no suspension away, and no requirement of app passwords', async () => {
    const entry = { canLogin: false, appPasswordsRequired: 'domain', isUpgradable: true } as const;
    const { canLogin, appPasswordsRequired, isUpgradable } = await read({ overrides: 'nologin=no' }, entry);
    assert.deepEqual({ canLogin, appPasswordsRequired, isUpgradable }, entry);
  });

  it('turns login off for a field that cannot be honoured, and says so', async () => {
    const passdb = new MemoryPassdb('local');
    passdb.set(BOB, '{PLAIN}secret');
    const logger = new CollectingLogger();
    const lookup = await withFields(passdb, rulesOf({ overrides: 'nopassword' }, logger)).find(queryFor(BOB));
    assert.ok(lookup.kind === 'found' && !lookup.value.canLogin);
    assert.equal(logger.of('auth.fault').length, 1);
  });

  it('leaves everything else to the passdb', async () => {
    const passdb = new MemoryPassdb('local');
    passdb.version = 7;
    passdb.requiredIn.add('example.com');
    const wrapped = withFields(passdb, rulesOf({ defaults: 'nodelay' }));
    assert.equal((await wrapped.find(queryFor('nobody'))).kind, 'absent');
    passdb.outage = 'gone';
    assert.equal((await wrapped.find(queryFor(BOB))).kind, 'unavailable');
    assert.equal(wrapped.readVersion(), 7);
    assert.equal(wrapped.requiresAppPassword?.('example.com'), true);
    assert.equal(withFields(passdb, rulesOf({})), passdb);
  });
});
