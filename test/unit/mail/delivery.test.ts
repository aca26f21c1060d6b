import assert from 'node:assert/strict';
import { EventEmitter, once } from 'node:events';
import {
  chmodSync,
  mkdirSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { contentsIn, mailUser, namesIn, startStore } from '../../support/mail-store.ts';
import { DurableDisk, type StepName } from '../../support/recording-files.ts';
import { temporaryFolder } from '../../support/temporary-folder.ts';
import { waitFor } from '../../support/wait.ts';
import { userQuota } from '../../support/quota.ts';

const ANN = 'ann@d.example';
const BOB = 'bob@d.example';
const STORED = 'X-Top: 1\nSubject: x\n\nHello\n';

describe('Delivery', () => {
  it('stores a message under a name with its sizes and makes the home below the root', async (t) => {
    const store = await startStore(t);
    const [outcome] = await store.deliver([store.mailbox(ANN)]);
    assert.equal(outcome?.kind, 'delivered');
    const [name = ''] = namesIn(store.maildir(ANN), 'new');
    assert.match(name, /^\d+\.M\d+P\d+Q\d+\.mx\.example,S=27,W=31$/);
    assert.deepEqual(contentsIn(store.maildir(ANN), 'new'), [STORED]);
    assert.deepEqual(namesIn(store.maildir(ANN)), ['cur', 'new', 'tmp']);
    assert.equal(statSync(join(store.maildir(ANN), 'new', name)).mode & 0o777, 0o600);
    store.logger.assertQuiet();
  });

  it('stores CRLF as LF and nothing else changed, however the body is cut (RULES 16)', async (t) => {
    const store = await startStore(t);
    const body = 'a\r\n.b\rc\nd\0\r\r\n\r\n\xff\r';
    for (let cut = 0; cut <= body.length; cut++) {
      const delivery = store.store.deliver({ sender: String(cut), header: Buffer.from('H: 1\n') }, [
        store.mailbox(ANN),
      ]);
      await delivery.write(Buffer.from(body.slice(0, cut), 'latin1'));
      await delivery.write(Buffer.from(body.slice(cut), 'latin1'));
      const [outcome] = await delivery.finish();
      assert.ok(outcome?.kind === 'delivered');
      // S= is the size on the disk; W= adds a byte for each LF without a CR before it.
      assert.match(outcome.baseName, /,S=19,W=23$/);
    }
    const expected = 'H: 1\na\n.b\rc\nd\0\r\n\n\xff\r';
    assert.deepEqual(new Set(contentsIn(store.maildir(ANN), 'new')), new Set([expected]));
  });

  it('links one body into many mailboxes', async (t) => {
    const store = await startStore(t);
    const outcomes = await store.deliver([store.mailbox(ANN), store.mailbox(BOB), store.mailbox('cid@e.example')]);
    assert.deepEqual(
      outcomes.map((outcome) => outcome.kind),
      ['delivered', 'delivered', 'delivered'],
    );
    const inodes = [ANN, BOB, 'cid@e.example'].map((address) => {
      const [name = ''] = namesIn(store.maildir(address), 'new');
      assert.deepEqual(namesIn(store.maildir(address), 'tmp'), []);
      return statSync(join(store.maildir(address), 'new', name)).ino;
    });
    assert.equal(new Set(inodes).size, 1);
  });

  it('copies the body where a link would carry the wrong mode, and where links are not possible', async (t) => {
    const store = await startStore(t);
    await store.deliver([store.mailbox(ANN), store.mailbox(BOB)], 'first');
    chmodSync(store.maildir(BOB), 0o750);
    const later = await startStore(t, { folder: join(store.root, '..') });
    await later.deliver([later.mailbox(ANN), later.mailbox(BOB)], 'second');
    const last = namesIn(store.maildir(BOB), 'new').at(-1) ?? '';
    assert.equal(statSync(join(store.maildir(BOB), 'new', last)).mode & 0o777, 0o640);

    later.recorder.sabotage = (step) => (step === 'link' ? 'EXDEV' : undefined);
    const outcomes = await later.deliver([later.mailbox(ANN), later.mailbox('cid@d.example')], 'third');
    assert.deepEqual(new Set(outcomes.map((outcome) => outcome.kind)), new Set(['delivered']));
    assert.deepEqual(contentsIn(store.maildir('cid@d.example'), 'new'), ['X-Top: 1\nthird']);
    assert.deepEqual(namesIn(store.maildir('cid@d.example'), 'tmp'), []);
  });

  it('leaves nothing behind when it is given up half-way', async (t) => {
    const store = await startStore(t);
    const delivery = store.store.deliver({ sender: '', header: Buffer.from('H: 1\n') }, [store.mailbox(ANN)]);
    for (let i = 0; i < 8; i++) await delivery.write(Buffer.alloc(64 * 1024, 'x'));
    await waitFor('a file in tmp', () => namesIn(store.maildir(ANN), 'tmp').length === 1);
    await delivery.abort();
    assert.deepEqual(namesIn(store.maildir(ANN), 'tmp'), []);
    assert.deepEqual(namesIn(store.maildir(ANN), 'new'), []);
  });
});

describe('Delivery on a failing disk', () => {
  const steps: StepName[] = ['append', 'create', 'write', 'sync', 'rename', 'syncDirectory', 'makeDirectory'];
  for (const step of steps) {
    for (const [code, reason] of [
      ['EIO', 'storage'],
      ['ENOSPC', 'disk-full'],
    ] as const) {
      it(`defers and leaves nothing when ${step} says ${code}`, async (t) => {
        const store = await startStore(t);
        await store.deliver([store.mailbox(BOB)], 'earlier');
        store.recorder.sabotage = (name, path) =>
          name === step && (path.includes('/ann') || step === 'append') ? code : undefined;
        if (step === 'append') await store.store.stop();
        const [outcome] = await store.deliver([store.mailbox(ANN)]);
        assert.ok(outcome?.kind === 'deferred');
        assert.equal(outcome.reason, reason);
        assert.deepEqual(namesIn(store.maildir(ANN), 'new'), []);
        assert.deepEqual(namesIn(store.maildir(ANN), 'tmp'), []);

        store.recorder.sabotage = () => undefined;
        assert.equal((await store.deliver([store.mailbox(ANN)]))[0]?.kind, 'delivered');
        assert.deepEqual(contentsIn(store.maildir(ANN), 'new'), [STORED]);
        store.logger.assertQuiet(step === 'append' ? ['mail.journal-fault'] : []);
      });
    }
  }

  it('fails only the mailbox whose link or directory fails', async (t) => {
    const store = await startStore(t);
    for (const step of ['link', 'syncDirectory', 'create'] as const) {
      store.recorder.sabotage = (name, path) => (name === step && path.includes('/bob/') ? 'EIO' : undefined);
      const outcomes = await store.deliver([store.mailbox(ANN), store.mailbox(BOB)], `body ${step}`);
      assert.deepEqual(
        outcomes.map((outcome) => outcome.kind),
        // Nothing is created in a Maildir that only gets a link.
        ['delivered', step === 'create' ? 'delivered' : 'deferred'],
      );
    }
  });

  it('lets another mailbox hold the body once the first one failed, so that nobody is blocked for ever', async (t) => {
    const store = await startStore(t);
    await store.deliver([store.mailbox(ANN), store.mailbox(BOB)], 'earlier');
    store.recorder.sabotage = (name, path) => (name === 'write' && path.includes('/ann/') ? 'EIO' : undefined);
    const first = await store.deliver([store.mailbox(ANN), store.mailbox(BOB)]);
    assert.deepEqual(
      first.map((outcome) => outcome.kind),
      ['deferred', 'deferred'],
    );
    const second = await store.deliver([store.mailbox(ANN), store.mailbox(BOB)]);
    assert.equal(second[1]?.kind, 'delivered');
    assert.ok(contentsIn(store.maildir(BOB), 'new').includes(STORED));
  });

  it('takes another mailbox at once when the first cannot be opened', async (t) => {
    const store = await startStore(t);
    await store.deliver([store.mailbox(ANN)], 'earlier');
    store.recorder.sabotage = (name, path) => (name === 'create' && path.includes('/ann/') ? 'EACCES' : undefined);
    const outcomes = await store.deliver([store.mailbox(ANN), store.mailbox(BOB)]);
    assert.deepEqual(
      outcomes.map((outcome) => outcome.kind),
      ['deferred', 'delivered'],
    );
  });
});

describe('Delivery on a disk that hangs', () => {
  const settings = { diskWaitMs: 50 };

  for (const step of ['create', 'write', 'sync', 'rename', 'syncDirectory'] as const) {
    it(`defers when ${step} does not end, and leaves one copy at most once it does`, async (t) => {
      const folder = temporaryFolder(t);
      const body = 'x'.repeat(300_000);
      const maildir = join(folder, 'mail/d.example/ann/Maildir');
      const before = await startStore(t, { folder });
      await before.deliver([before.mailbox(ANN)], 'earlier');
      const store = await startStore(t, { folder, settings });
      const { promise, resolve } = createPause();
      store.recorder.stall = (name, path) => (name === step && path.includes('/ann/') ? promise : undefined);
      const [outcome] = await store.deliver([store.mailbox(ANN)], body);
      assert.ok(outcome?.kind === 'deferred' && outcome.reason === 'storage');

      resolve();
      await waitFor('tmp to be empty', () => namesIn(maildir, 'tmp').length === 0);
      await store.stop();
      const after = await startStore(t, { folder });
      assert.equal((await after.deliver([after.mailbox(ANN)], body))[0]?.kind, 'delivered');
      assert.equal(namesIn(maildir, 'new').length, 2);
      await waitFor('tmp to be empty', () => namesIn(maildir, 'tmp').length === 0);
    });
  }

  it('does not make a vanished peer wait', async (t) => {
    const store = await startStore(t, { settings });
    const { promise, resolve } = createPause();
    store.recorder.stall = (name) => (name === 'write' ? promise : undefined);
    const delivery = store.store.deliver({ sender: '', header: Buffer.from('H: 1\n') }, [store.mailbox(ANN)]);
    for (let i = 0; i < 8; i++) await delivery.write(Buffer.alloc(64 * 1024, 'x'));
    await delivery.abort();
    resolve();
    await waitFor('tmp to be empty', () => namesIn(store.maildir(ANN), 'tmp').length === 0);
  });

  it('asks a mail root that hangs once, and everybody else hears so at once (RULES 8)', async (t) => {
    const store = await startStore(t, { rootWaitMs: 500 });
    await store.deliver([store.mailbox(ANN)]);
    const { promise, resolve } = createPause();
    const { status } = store.recorder;
    let asked = 0;
    store.recorder.status = async (path) => {
      asked += 1;
      await promise;
      return status(path);
    };
    for (let i = 0; i < 20; i++) {
      const [outcome] = await store.deliver([store.mailbox(ANN)], String(i));
      assert.ok(outcome?.kind === 'deferred' && outcome.reason === 'root-missing');
    }
    assert.equal(asked, 1);
    resolve();
    await waitFor('mail again', async () => (await store.deliver([store.mailbox(ANN)], 'z'))[0]?.kind === 'delivered');
    store.logger.assertQuiet(['mail.root-missing']);
  });
});

function createPause(): { promise: Promise<void>; resolve: () => void } {
  const gate = new EventEmitter();
  const promise = once(gate, 'open').then(() => undefined);
  return { promise, resolve: () => void gate.emit('open') };
}

describe('Durability', () => {
  it('has every message answered 250 on the disk after a loss of power at any point (RULES 4)', async (t) => {
    const store = await startStore(t, { settings: { canCreateFolders: true } });
    const { recorder } = store;
    const deliver = async (addresses: [string, string?][], body: string): Promise<void> => {
      const mailboxes = addresses.map(([address, detail]) => store.mailbox(address, detail));
      const outcomes = await store.deliver(mailboxes, body);
      for (const [i, [address, detail]] of addresses.entries()) {
        assert.equal(outcomes[i]?.kind, 'delivered');
        const folder = detail === undefined ? '' : `.${detail}`;
        recorder.reply(join(store.maildir(address), folder, 'new'), `X-Top: 1\n${body}`);
      }
    };
    // All at once into directories that do not exist yet: the most that can go wrong.
    await Promise.all([
      deliver([[ANN]], 'one'),
      deliver([[BOB], [ANN], ['cid@e.example']], 'two'),
      deliver([['dan@e.example'], [ANN, 'lists']], 'three'),
      deliver([[ANN]], 'four'),
      deliver([['cid@e.example', 'lists']], 'five'),
    ]);

    const disk = new DurableDisk(store.root);
    const answered: { path: string; content: string }[] = [];
    for (const operation of recorder.operations) {
      disk.apply(operation);
      if (operation.kind === 'reply') answered.push(operation);
      for (const { path, content } of answered) {
        assert.ok(disk.durableContents(path).includes(content), `${content} is lost in ${path}`);
      }
    }
    assert.equal(answered.length, 8);
  });

  it('includes directories that somebody made before and nobody synced (RULES 4)', async (t) => {
    const store = await startStore(t);
    const { recorder } = store;
    recorder.sabotage = (step, path) => (step === 'syncDirectory' && path.endsWith('/ann') ? 'EIO' : undefined);
    assert.equal((await store.deliver([store.mailbox(ANN)], 'one'))[0]?.kind, 'deferred');
    recorder.sabotage = () => undefined;
    assert.equal((await store.deliver([store.mailbox(ANN)], 'one'))[0]?.kind, 'delivered');
    const disk = new DurableDisk(store.root);
    for (const operation of recorder.operations) disk.apply(operation);
    assert.deepEqual(disk.durableContents(join(store.maildir(ANN), 'new')), ['X-Top: 1\none']);
  });

  it('includes directories that are made a second time (RULES 4)', async (t) => {
    let now = 1_790_000_000_000;
    const store = await startStore(t, { clock: { now: () => now } });
    await store.deliver([store.mailbox(ANN)], 'one');
    rmSync(join(store.root, 'd.example'), { recursive: true });
    now += 6000;
    const { recorder } = store;
    recorder.operations.length = 0;
    assert.equal((await store.deliver([store.mailbox(ANN)], 'two'))[0]?.kind, 'delivered');
    const disk = new DurableDisk(store.root);
    for (const operation of recorder.operations) disk.apply(operation);
    assert.deepEqual(disk.durableContents(join(store.maildir(ANN), 'new')), ['X-Top: 1\ntwo']);
  });

  it('would be seen to lose mail if a directory were not synced', async (t) => {
    const store = await startStore(t);
    await store.deliver([store.mailbox(ANN)], 'one');
    const path = join(store.maildir(ANN), 'new');
    for (const missing of ['sync', 'syncDirectory'] as const) {
      const disk = new DurableDisk(store.root);
      for (const operation of store.recorder.operations) if (operation.kind !== missing) disk.apply(operation);
      assert.deepEqual(disk.durableContents(path), []);
    }
  });
});

describe('A retry', () => {
  it('of a message already stored gets 250 and no second copy (RULES 2)', async (t) => {
    const store = await startStore(t);
    const [first] = await store.deliver([store.mailbox(ANN)]);
    const [second] = await store.deliver([store.mailbox(ANN)]);
    assert.ok(first?.kind === 'delivered' && second?.kind === 'delivered');
    assert.deepEqual([first.isRetry, second.isRetry], [false, true]);
    assert.equal(second.baseName, first.baseName);
    assert.equal(namesIn(store.maildir(ANN), 'new').length, 1);
    assert.deepEqual(namesIn(store.maildir(ANN), 'tmp'), []);
  });

  it('differs by sender, body and mailbox, not by headers of ours (RULES 2)', async (t) => {
    const store = await startStore(t);
    await store.deliver([store.mailbox(ANN)], 'body', 's@x.example');
    await store.deliver([store.mailbox(ANN)], 'body', 't@x.example');
    await store.deliver([store.mailbox(ANN)], 'other', 's@x.example');
    await store.deliver([store.mailbox(BOB)], 'body', 's@x.example');
    assert.equal(namesIn(store.maildir(ANN), 'new').length, 3);
    const delivery = store.store.deliver({ sender: 's@x.example', header: Buffer.from('X-Other: 2\n') }, [
      store.mailbox(BOB),
    ]);
    await delivery.write(Buffer.from('body'));
    const [outcome] = await delivery.finish();
    assert.ok(outcome?.kind === 'delivered' && outcome.isRetry);
  });

  it('is recognised by a new process and with flags set by then (RULES 3)', async (t) => {
    const folder = temporaryFolder(t);
    const store = await startStore(t, { folder });
    const [first] = await store.deliver([store.mailbox(ANN)]);
    assert.ok(first?.kind === 'delivered');
    const maildir = store.maildir(ANN);
    renameSync(join(maildir, 'new', first.baseName), join(maildir, 'cur', `${first.baseName}:2,S`));

    // A kill in the middle of a record leaves half a line.
    writeFileSync(join(folder, 'state', 'deliveries.journal'), '1790000000 half-a-key', { flag: 'a' });
    const later = await startStore(t, { folder });
    const [second] = await later.deliver([later.mailbox(ANN)]);
    assert.ok(second?.kind === 'delivered' && second.isRetry);
    assert.deepEqual(namesIn(maildir, 'new'), []);
    await later.deliver([later.mailbox(ANN)], 'another');
    const last = await startStore(t, { folder });
    const [third] = await last.deliver([last.mailbox(ANN)], 'another');
    assert.ok(third?.kind === 'delivered' && third.isRetry);
  });

  it('delivers again when the recorded file is not there: a record is not a message (RULES 3)', async (t) => {
    const store = await startStore(t);
    const [first] = await store.deliver([store.mailbox(ANN)]);
    assert.ok(first?.kind === 'delivered');
    rmSync(join(store.maildir(ANN), 'new', first.baseName));
    const [second] = await store.deliver([store.mailbox(ANN)]);
    assert.ok(second?.kind === 'delivered' && !second.isRetry);
    assert.deepEqual(contentsIn(store.maildir(ANN), 'new'), [STORED]);
  });

  it('records the intent before the message has its name (RULES 3)', async (t) => {
    const store = await startStore(t);
    let recorded = '';
    store.recorder.sabotage = (step) => {
      if (step === 'rename') recorded = contentsIn(store.state).join('');
      return undefined;
    };
    const [outcome] = await store.deliver([store.mailbox(ANN)]);
    assert.ok(outcome?.kind === 'delivered');
    assert.ok(recorded.includes(outcome.baseName));
  });

  it('that arrives while the first try is still busy waits for it (RULES 3)', async (t) => {
    const store = await startStore(t);
    const outcomes = await Promise.all(Array.from({ length: 10 }, () => store.deliver([store.mailbox(ANN)])));
    assert.equal(outcomes.filter(([outcome]) => outcome?.kind === 'delivered' && outcome.isRetry).length, 9);
    assert.equal(namesIn(store.maildir(ANN), 'new').length, 1);
  });

  it('is recognised while its file gets another name in the directory that is being read (RULES 3)', async (t) => {
    const store = await startStore(t);
    const [first] = await store.deliver([store.mailbox(ANN)]);
    assert.ok(first?.kind === 'delivered');
    const cur = join(store.maildir(ANN), 'cur');
    renameSync(join(store.maildir(ANN), 'new', first.baseName), join(cur, `${first.baseName}:2,`));
    // As readdir may: the old name is gone and the new one lies behind us.
    const { list } = store.recorder;
    let reads = 0;
    store.recorder.list = (path) => {
      if (path !== cur || ++reads > 1) return list(path);
      renameSync(join(cur, `${first.baseName}:2,`), join(cur, `${first.baseName}:2,S`));
      return list(join(store.root, 'd.example'));
    };
    const [again] = await store.deliver([store.mailbox(ANN)]);
    assert.ok(again?.kind === 'delivered' && again.isRetry);
    assert.deepEqual(namesIn(store.maildir(ANN), 'new'), []);
  });

  it('does not wait for ever because a Maildir has no cur', async (t) => {
    const store = await startStore(t);
    await store.deliver([store.mailbox(ANN)]);
    for (const part of ['new', 'cur']) rmSync(join(store.maildir(ANN), part), { recursive: true });
    mkdirSync(join(store.maildir(ANN), 'new'));
    const later = await startStore(t, { folder: join(store.root, '..') });
    const [again] = await later.deliver([later.mailbox(ANN)]);
    assert.ok(again?.kind === 'delivered' && !again.isRetry);
  });

  it('is forgotten after the retry window', async (t) => {
    let now = Date.now();
    const store = await startStore(t, { clock: { now: () => now }, settings: { retryWindowMs: 1000 } });
    await store.deliver([store.mailbox(ANN)]);
    for (const body of ['a', 'b', 'c']) {
      now += 1500;
      await store.deliver([store.mailbox(BOB)], body);
    }
    await store.deliver([store.mailbox(ANN)]);
    assert.equal(namesIn(store.maildir(ANN), 'new').length, 2);
  });
});

describe('Folders by detail (RULES 17)', () => {
  it('are used when they exist, and not made by strangers', async (t) => {
    const store = await startStore(t);
    await store.deliver([store.mailbox(ANN, 'lists')], 'one');
    assert.deepEqual(contentsIn(store.maildir(ANN), 'new'), ['X-Top: 1\none']);
    for (const part of ['new', 'cur', 'tmp']) {
      mkdirSync(join(store.maildir(ANN), '.lists', part), { recursive: true });
    }
    await store.deliver([store.mailbox(ANN, 'lists')], 'two');
    assert.deepEqual(contentsIn(store.maildir(ANN), '.lists', 'new'), ['X-Top: 1\ntwo']);
  });

  it('are made with maildirfolder when that is allowed, at most 100, then the INBOX is used', async (t) => {
    const store = await startStore(t, { settings: { canCreateFolders: true } });
    await store.deliver([store.mailbox(ANN, 'Jörg/a&b')], 'one');
    const folder = join(store.maildir(ANN), '.J&APY-rg.a&-b');
    assert.deepEqual(namesIn(folder), ['cur', 'maildirfolder', 'new', 'tmp']);
    assert.deepEqual(contentsIn(folder, 'new'), ['X-Top: 1\none']);

    await Promise.all(Array.from({ length: 120 }, (_, i) => store.deliver([store.mailbox(ANN, `f${i}`)], `m${i}`)));
    const folders = readdirSync(store.maildir(ANN)).filter((name) => name.startsWith('.'));
    assert.equal(folders.length, 100);
    assert.equal(namesIn(store.maildir(ANN), 'new').length, 21);
  });

  it('with impossible names mean the INBOX', async (t) => {
    const store = await startStore(t, { settings: { canCreateFolders: true } });
    for (const detail of ['', '..', 'a.b', '/x', 'x/', 'a//b', '~x', 'a\tb', 'inbox', 'x'.repeat(256)]) {
      assert.equal(store.mailbox(ANN, detail).folder, undefined, detail);
    }
  });
});

describe('The mail root', () => {
  it('is never made, and mail waits while it is gone until it is accepted (RULES 8)', async (t) => {
    const store = await startStore(t);
    await store.deliver([store.mailbox(ANN)]);
    renameSync(store.root, `${store.root}.away`);
    const gone = await store.deliver([store.mailbox(BOB)]);
    assert.ok(gone[0]?.kind === 'deferred' && gone[0].reason === 'root-missing');
    assert.deepEqual(namesIn(store.root), []);

    // The empty mount point, without its disk.
    mkdirSync(store.root);
    const unmounted = await store.deliver([store.mailbox(ANN)], 'again');
    assert.ok(unmounted[0]?.kind === 'deferred' && unmounted[0].reason === 'root-missing');
    assert.deepEqual(namesIn(store.root), []);
    const verdict = await store.meter.check(mailUser(ANN, { quota: userQuota('*:messages=1') }), {
      bytes: 1,
      messages: 1,
    });
    assert.equal(verdict.kind, 'unknown');

    await store.roots.accept();
    assert.equal((await store.deliver([store.mailbox(ANN)], 'again'))[0]?.kind, 'delivered');
    store.logger.assertQuiet(['mail.root-missing']);
    assert.equal(store.logger.of('mail.root-missing').length, 2);
  });

  it('is accepted by another process while this one runs (RULES 8)', async (t) => {
    const folder = temporaryFolder(t);
    const store = await startStore(t, { folder });
    await store.deliver([store.mailbox(ANN)]);
    rmSync(join(store.root, '.postern-root'));
    assert.equal((await store.deliver([store.mailbox(ANN)], 'b'))[0]?.kind, 'deferred');
    await (await startStore(t, { folder })).roots.accept();
    assert.equal((await store.deliver([store.mailbox(ANN)], 'b'))[0]?.kind, 'delivered');
  });

  it('is known again after a restart, and a marker copied to another disk is not believed (RULES 8)', async (t) => {
    const folder = temporaryFolder(t);
    const store = await startStore(t, { folder });
    await store.deliver([store.mailbox(ANN)]);
    const later = await startStore(t, { folder });
    assert.equal((await later.roots.check(store.root)).kind, 'present');
    const statePath = join(folder, 'state', 'mail-roots.json');
    const state = contentsIn(folder, 'state').find((text) => text.includes('device')) ?? '';
    writeFileSync(statePath, state.replace(/"device": "\d+"/, '"device": "1"'));
    const rebooted = await startStore(t, { folder });
    assert.equal((await rebooted.roots.check(store.root)).kind, 'present', 'same inode: only the number changed');
    writeFileSync(
      statePath,
      state.replace(/"device": "\d+"/, '"device": "1"').replace(/"inode": "\d+"/, '"inode": "1"'),
    );
    const copied = await startStore(t, { folder });
    assert.equal((await copied.roots.check(store.root)).kind, 'missing');
    writeFileSync(statePath, 'no json');
    const broken = await startStore(t, { folder });
    assert.equal((await broken.roots.check(store.root)).kind, 'missing');
  });

  it('is told from another one whose marker has the same device and inode numbers (RULES 8)', async (t) => {
    const folder = temporaryFolder(t);
    const store = await startStore(t, { folder });
    await store.deliver([store.mailbox(ANN)]);
    // As after a reboot that gave the number of our disk to another one: the first file of both has one number.
    writeFileSync(join(store.root, '.postern-root'), '00000000-0000-4000-8000-000000000000\n');
    const rebooted = await startStore(t, { folder });
    assert.equal((await rebooted.roots.check(store.root)).kind, 'missing');
    assert.equal((await store.roots.check(store.root)).kind, 'missing', 'and while we run');
  });

  it('that was seen by this process is not taken anew because its record was lost (RULES 8)', async (t) => {
    const store = await startStore(t);
    await store.deliver([store.mailbox(ANN)]);
    rmSync(join(store.state, 'mail-roots.json'));
    renameSync(store.root, `${store.root}.away`);
    mkdirSync(store.root);
    assert.equal((await store.deliver([store.mailbox(ANN)], 'b'))[0]?.kind, 'deferred');
    assert.deepEqual(namesIn(store.root), []);
    await store.roots.accept();
    assert.equal((await store.deliver([store.mailbox(ANN)], 'c'))[0]?.kind, 'delivered');
  });

  it('must hold every link: one that leads out is not followed (RULES 14)', async (t) => {
    const store = await startStore(t);
    const outside = temporaryFolder(t);
    plantLinks(store.root, outside);
    for (const address of ['away@d.example', 'inner@d.example', 'parts@d.example']) {
      const [outcome] = await store.deliver([store.mailbox(address)]);
      assert.ok(outcome?.kind === 'deferred' && outcome.reason === 'location', address);
    }
    assert.deepEqual(readdirSync(outside, { recursive: true, encoding: 'utf8' }).toSorted(), ['cur', 'new', 'tmp']);
    const [inside] = await store.deliver([store.mailbox('moved@d.example')]);
    assert.equal(inside?.kind, 'delivered');
    assert.equal(namesIn(store.root, 'other', 'Maildir', 'new').length, 1);
  });
});

/** Accounts whose home, Maildir or `new` is a link; all but one lead out of the root. */
function plantLinks(root: string, outside: string): void {
  for (const name of ['d.example/inner', 'd.example/parts/Maildir/tmp', 'd.example/parts/Maildir/cur', 'other']) {
    mkdirSync(join(root, name), { recursive: true });
  }
  for (const name of ['new', 'cur', 'tmp']) mkdirSync(join(outside, name));
  symlinkSync(outside, join(root, 'd.example/away'));
  symlinkSync(outside, join(root, 'd.example/inner/Maildir'));
  symlinkSync(join(outside, 'new'), join(root, 'd.example/parts/Maildir/new'));
  symlinkSync(join(root, 'other'), join(root, 'd.example/moved'));
}

describe('StaleFileCleaner', () => {
  it('removes old files of ours from tmp after the first delivery, and nobody else’s', async (t) => {
    const store = await startStore(t);
    const tmp = join(store.maildir(ANN), 'tmp');
    for (const part of ['tmp', 'new', 'cur']) mkdirSync(join(store.maildir(ANN), part), { recursive: true });
    const old = new Date(Date.now() - 37 * 3_600_000);
    for (const name of ['1700000000.M1P2Q3.host', 'stranger', '1700000001.M1P2Q4.host']) {
      writeFileSync(join(tmp, name), 'x');
      if (!name.includes('Q4')) utimesSync(join(tmp, name), old, old);
    }
    await store.deliver([store.mailbox(ANN)]);
    await waitFor('the old file to go', () => !namesIn(tmp).includes('1700000000.M1P2Q3.host'));
    assert.deepEqual(namesIn(tmp), ['1700000001.M1P2Q4.host', 'stranger']);
  });
});
