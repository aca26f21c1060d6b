/** Warnings and their notices, on real Maildirs. */
import assert from 'node:assert/strict';
import { rmSync } from 'node:fs';
import { describe, it, type TestContext } from 'node:test';
import { systemClock } from '../../../src/core/clock.ts';
import { parseQuotaWarning } from '../../../src/core/quota-warning.ts';
import { loadNotices } from '../../../src/mail/notice-templates.ts';
import { NoticeSender } from '../../../src/mail/notice-sender.ts';
import { QuotaWatch } from '../../../src/mail/quota-watch.ts';
import { contentsIn, mailUser, startStore, type StoreWish, type TestStore } from '../../support/mail-store.ts';
import { quotaRoot } from '../../support/quota.ts';
import { waitFor } from '../../support/wait.ts';

const ANN = 'ann@d.example';
const POSTMASTER = 'postmaster@d.example';

interface Watched {
  readonly store: TestStore;
  readonly sender: NoticeSender;
  readonly commands: (readonly string[])[];
  /** A message of about so many bytes. */
  readonly deliver: (bytes: number) => Promise<void>;
  /** Subjects of the notices that an address got, once there are so many. */
  readonly subjects: (address: string, count: number) => Promise<string[]>;
}

async function start(
  t: TestContext,
  { warnings, language = 'en', ...wish }: StoreWish & { warnings: readonly string[]; language?: 'en' | 'de' },
): Promise<Watched> {
  const roots = (wish.roots ?? [quotaRoot(wish.quota ?? [])]).map((root) => ({
    ...root,
    warnings: warnings.map((text) => parseQuotaWarning(text)),
  }));
  const commands: (readonly string[])[] = [];
  const store: TestStore = await startStore(t, { ...wish, roots, onUsage: (...args) => watch.observe(...args) });
  const { logger } = store;
  const sender = new NoticeSender({
    templates: loadNotices(undefined, language).templates,
    hostname: 'mx.example',
    findUsers: (address) => Promise.resolve(address.startsWith('nobody') ? [] : [mailUser(address)]),
    store: store.store,
    clock: systemClock,
    logger,
  });
  const watch = new QuotaWatch({
    roots,
    notify: sender.send.bind(sender),
    run: (command) => commands.push(command),
    hostname: 'mx.example',
    language,
    clock: systemClock,
    logger,
  });
  t.after(() => sender.stop());
  const subjectsOf = (address: string): string[] =>
    contentsIn(store.maildir(address), 'new').flatMap((text) =>
      text.includes('Auto-Submitted: auto-generated') ? [/^Subject: (.*)$/m.exec(text)?.[1] ?? ''] : [],
    );
  return {
    store,
    sender,
    commands,
    deliver: async (bytes) => {
      const [outcome] = await store.deliver([store.mailbox(ANN)], 'x'.repeat(bytes));
      assert.equal(outcome?.kind, 'delivered');
    },
    subjects: async (address, count) => {
      await waitFor(`${count} notices`, () => subjectsOf(address).length >= count);
      return subjectsOf(address);
    },
  };
}

describe('QuotaWatch', () => {
  it('sends a notice and runs the command when a delivery crosses the line, once (RULES 44)', async (t) => {
    const warnings = ['storage=95%%', 'storage=50%% /bin/warn 50 %u "of %d"'];
    const { deliver, subjects, store, commands, sender } = await start(t, { quota: ['*:storage=10K'], warnings });
    await deliver(4000);
    assert.deepEqual(commands, []);
    await deliver(2000);
    assert.deepEqual(await subjects(ANN, 1), ['Your mailbox is 58 % full']);
    assert.deepEqual(commands, [['/bin/warn', '50', ANN, 'of d.example']]);
    const [notice = ''] = contentsIn(store.maildir(ANN), 'new').filter((text) => text.includes('auto-generated'));
    assert.match(notice, /^Return-Path: <>\nDelivered-To: ann@d\.example\nDate: /);
    assert.match(notice, /\nFrom: postmaster@d\.example\nTo: ann@d\.example\n/);
    assert.match(notice, /is 58 % full: 5\.9 KB of 10 KB\.\n/);
    await deliver(500);
    await sender.stop();
    assert.equal((await subjects(ANN, 1)).length, 1);
    assert.equal(commands.length, 1);
    store.logger.assertQuiet();
  });

  it('stores the notice in a full mailbox, and that causes no other (RULES 44)', async (t) => {
    // The notice itself goes past the line at 110 %, and past the largest mail allowed.
    const wish = { quota: ['*:storage=2000B'], warnings: ['storage=110%', 'storage=90%'], maxMailBytes: 2100 };
    const { deliver, subjects, store } = await start(t, wish);
    await deliver(1900);
    assert.deepEqual(await subjects(ANN, 1), ['Your mailbox is 95 % full']);
    await store.store.stop();
    assert.equal((await subjects(ANN, 1)).length, 1);
    const usage = await store.meter.measure(mailUser(ANN));
    assert.ok(usage.kind === 'measured' && (usage.roots[0]?.used.bytes ?? 0) > 2200, 'the notice counts');
    const [full] = await store.deliver([store.mailbox(ANN)], 'x'.repeat(10));
    assert.equal(full?.kind, 'refused');
  });

  it('says that there is room again when somebody else made it', async (t) => {
    const wish = { quota: ['*:storage=10K'], warnings: ['-storage=100%'], language: 'de' as const };
    const { subjects, store } = await start(t, wish);
    store.plant(ANN, ['cur/1.a,S=20000:2,', 'cur/2.b,S=2000:2,'], 1);
    const [full] = await store.deliver([store.mailbox(ANN)], 'x');
    assert.equal(full?.kind, 'refused');
    rmSync(`${store.maildir(ANN)}/cur/1.a,S=20000:2,`);
    await waitFor('room', async () => (await store.deliver([store.mailbox(ANN)], 'x'))[0]?.kind === 'delivered');
    assert.deepEqual(await subjects(ANN, 1), ['In Ihrem Postfach ist wieder Platz']);
    assert.ok(contentsIn(store.maildir(ANN), 'new').some((text) => text.includes('zu 19 % voll: 2 KB von 10 KB')));
  });

  it('tells the postmaster of a domain that fills up', async (t) => {
    const { deliver, subjects, store } = await start(t, {
      roots: [quotaRoot(['*:storage=10K'], { name: 'total', scope: 'domain' })],
      list: async function* (domain) {
        yield* [ANN, 'bob@d.example'].map((address) => mailUser(address)).filter(() => domain === 'd.example');
      },
      warnings: ['messages=2', 'storage=50%'],
    });
    store.plant('bob@d.example', ['cur/1.a,S=4000:2,'], 1);
    await deliver(2000);
    assert.deepEqual(await subjects(POSTMASTER, 1), ['The mailboxes of d.example are ? % full']);
  });

  it('says when a notice cannot be put anywhere, and goes on', async (t) => {
    const { sender, store } = await start(t, { warnings: [] });
    const values = {
      user: 'x',
      hostname: 'x',
      percent: '1',
      used: '1',
      limit: '1',
      messages: '1',
      messages_limit: '1',
    };
    store.recorder.sabotage = (step, path) => (step === 'write' && path.includes('/bob/') ? 'EIO' : undefined);
    sender.send('quota-room', 'nobody@d.example', values);
    sender.send('quota-room', 'bob@d.example', values);
    sender.send('quota-room', ANN, values);
    await sender.stop();
    sender.send('quota-room', ANN, values);
    assert.deepEqual(
      store.logger.lines
        .filter(({ event }) => event.startsWith('notice.'))
        .map(({ event, fields }) => [event, fields['to']]),
      [
        ['notice.undelivered', 'nobody@d.example'],
        ['notice.undelivered', 'bob@d.example'],
        ['notice.delivered', ANN],
      ],
    );
    assert.equal(contentsIn(store.maildir(ANN), 'new').length, 1);
  });
});
