import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import {
  appendFileSync,
  mkdtempSync,
  renameSync,
  rmSync,
  statSync,
  unlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { queryFor } from '../support/passdb-query.ts';
import { CollectingLogger } from '../support/collecting-logger.ts';
import { openPasswdStore } from '../support/combined-store.ts';
import { TestClock } from './engines.ts';

describe('PasswdFile', () => {
  let folder: string;
  let path: string;
  let logger: CollectingLogger;
  let clock: TestClock;
  let file: ReturnType<typeof openPasswdStore>;

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'postern-passwd-'));
    path = join(folder, 'users');
    logger = new CollectingLogger();
    clock = new TestClock();
    file = openPasswdStore({ name: 'old', path, logger, clock });
  });
  afterEach(() => {
    rmSync(folder, { recursive: true });
  });

  function writeUsers(count: number, password = '{PLAIN}x'): void {
    writeFileSync(path, Array.from({ length: count }, (_, i) => `u${i}@d.test:${password}\n`).join(''));
    clock.skip();
  }
  async function kindOf(name: string): Promise<string> {
    return (await file.find(queryFor(name))).kind;
  }

  describe('keeps the last good version (RULES 6)', () => {
    beforeEach(async () => {
      writeUsers(10);
      assert.equal(await kindOf('u9@d.test'), 'found');
    });

    const breakages: [name: string, spoil: () => void][] = [
      ['is missing', () => unlinkSync(path)],
      ['is empty', () => writeFileSync(path, '')],
      ['has only comments', () => writeFileSync(path, '# nobody\n\n:x:\n')],
      ['has fewer than half of the users', () => writeFileSync(path, 'a@d.test:\nb@d.test:\nc@d.test:\nd@d.test:\n')],
      ['is cut in the middle', () => writeFileSync(path, 'u0@d.test:{PLAIN}x\nu1@d.te')],
    ];
    for (const [name, spoil] of breakages) {
      it(`when the file ${name}, logged once, until it is whole again`, async () => {
        spoil();
        for (let i = 0; i < 4; i++) {
          clock.skip();
          assert.equal(await kindOf('u9@d.test'), 'found');
          assert.equal((await file.findDomain('d.test')).kind, 'found');
        }
        assert.equal(logger.of('passwd-file.kept').length, 1);
        assert.equal(logger.of('passwd-file.kept')[0]?.level, 'error');
        writeUsers(6, '{PLAIN}new');
        const login = await file.find(queryFor('u5@d.test'));
        assert.ok(login.kind === 'found' && login.value.password === '{PLAIN}new');
        assert.equal(await kindOf('u9@d.test'), 'absent');
        logger.assertQuiet(['passwd-file.kept']);
      });
    }

    it('but takes exactly half, and less when told to accept it', async () => {
      writeUsers(5);
      assert.equal(await kindOf('u9@d.test'), 'absent');
      writeUsers(2);
      assert.equal(await kindOf('u4@d.test'), 'found');
      assert.deepEqual((await file.files.fixed?.reload({ accept: false }))?.kind, 'kept');
      assert.deepEqual(await file.files.fixed?.reload({ accept: true }), { kind: 'loaded', users: 2 });
      assert.equal(await kindOf('u4@d.test'), 'absent');
    });

    it('even then never takes an empty one (RULES 7)', async () => {
      writeFileSync(path, '');
      assert.equal((await file.files.fixed?.reload({ accept: true }))?.kind, 'kept');
      assert.equal(await kindOf('u9@d.test'), 'found');
    });
  });

  it('is unavailable without a good version, and logs why once (RULES 6)', async () => {
    for (let i = 0; i < 3; i++) {
      clock.skip();
      assert.equal(await kindOf('bob@d.test'), 'unavailable');
    }
    assert.equal(logger.of('passwd-file.kept').length, 1);
    writeUsers(1);
    assert.equal(await kindOf('u0@d.test'), 'found');
  });

  it('never shows a half-written file: what grows while it is written never loses a user (RULES 6)', async () => {
    writeUsers(100);
    assert.equal(await kindOf('u99@d.test'), 'found');
    const lines = Array.from({ length: 100 }, (_, i) => `u${i}@d.test:{PLAIN}y\n`);
    writeFileSync(path, '');
    for (const [i, line] of lines.entries()) {
      appendFileSync(path, line);
      clock.skip();
      // Up to the half the old version answers; past it a cut file can only be told by its next change.
      if (i < 49) assert.equal(await kindOf('u99@d.test'), 'found', `after line ${i}`);
    }
    clock.skip();
    const login = await file.find(queryFor('u99@d.test'));
    assert.ok(login.kind === 'found' && login.value.password === '{PLAIN}y');
  });

  describe('notices a change', () => {
    it('of the time alone, to the nanosecond, with the same size and inode', async () => {
      writeUsers(1, '{PLAIN}a');
      const { ino, mtime } = statSync(path);
      utimesSync(path, mtime, new Date(mtime.getTime() - 60_000));
      assert.equal(await kindOf('u0@d.test'), 'found');
      writeFileSync(path, 'u0@d.test:{PLAIN}b\n');
      utimesSync(path, mtime, new Date(mtime.getTime() - 59_999));
      assert.equal(statSync(path).ino, ino);
      clock.skip();
      const login = await file.find(queryFor('u0@d.test'));
      assert.ok(login.kind === 'found' && login.value.password === '{PLAIN}b');
    });

    it('of the inode alone, with the same size and time', async () => {
      const past = new Date(Date.now() - 60_000);
      writeUsers(1, '{PLAIN}a');
      utimesSync(path, past, past);
      assert.equal(await kindOf('u0@d.test'), 'found');
      writeFileSync(`${path}.new`, 'u0@d.test:{PLAIN}b\n');
      utimesSync(`${path}.new`, past, past);
      renameSync(`${path}.new`, path);
      clock.skip();
      const login = await file.find(queryFor('u0@d.test'));
      assert.ok(login.kind === 'found' && login.value.password === '{PLAIN}b');
    });

    it('within the same tick of the file clock as the version read before', async () => {
      const now = new Date();
      writeFileSync(path, 'u0@d.test:{PLAIN}a\n');
      utimesSync(path, now, now);
      clock.offsetMs = now.getTime() - Date.now();
      assert.equal(await kindOf('u0@d.test'), 'found');
      writeFileSync(path, 'u0@d.test:{PLAIN}b\n');
      utimesSync(path, now, now);
      clock.skip();
      const login = await file.find(queryFor('u0@d.test'));
      assert.ok(login.kind === 'found' && login.value.password === '{PLAIN}b');
    });

    it('at most once a second', async () => {
      writeUsers(1);
      assert.equal(await kindOf('u0@d.test'), 'found');
      writeFileSync(path, 'new@d.test:\n');
      clock.offsetMs += 500;
      assert.equal(await kindOf('new@d.test'), 'absent');
      clock.offsetMs += 600;
      assert.equal(await kindOf('new@d.test'), 'found');
    });
  });

  it('loads once for many lookups that come at once', async () => {
    writeUsers(2000);
    const kinds = await Promise.all(Array.from({ length: 50 }, (_, i) => kindOf(`u${i}@d.test`)));
    assert.deepEqual(new Set(kinds), new Set(['found']));
    assert.equal(logger.of('passwd-file.loaded').length, 1);
  });

  it('logs faults by line number, without what stands there, once a version and not without end', async () => {
    const secret = 'hunter2';
    const bad = Array.from({ length: 30 }, (_, i) => `b${i}@d.test:{PLAIN}${secret}::::::nopassword\n`).join('');
    writeFileSync(path, `# comment\nbob@d.test:{PLAIN}${secret}:nobody-knows:5\nBOB@D.test:{PLAIN}other\n${bad}`);
    assert.equal(await kindOf('bob@d.test'), 'found');
    clock.skip();
    assert.equal(await kindOf('bob@d.test'), 'found');
    const lines = logger.of('passwd-file.line');
    assert.equal(lines.length, 21);
    assert.deepEqual(
      lines.slice(0, 3).map(({ fields }) => fields['line']),
      [2, 3, 4],
    );
    assert.equal(lines.at(-1)?.fields['more'], 12);
    assert.ok(!JSON.stringify(logger.lines).includes(secret));
    const login = await file.find(queryFor('bob@d.test'));
    assert.ok(login.kind === 'found' && login.value.password === `{PLAIN}${secret}`, 'the first of two is kept');
  });

  it('asks for each system name once a load, however many lines it stands in (RULES 13)', async () => {
    const asked: string[] = [];
    const findUid = (name: string): undefined => void asked.push(`uid ${name}`);
    const findGid = (name: string): number => asked.push(`gid ${name}`);
    const own = openPasswdStore({ name: 'own', path, logger, clock, ids: { findUid, findGid } });
    writeFileSync(path, 'a@d.test:x:gone:mail\nb@d.test:x:gone:mail\nc@d.test:x:1:1\n');
    assert.equal((await own.find(queryFor('a@d.test'))).kind, 'found');
    assert.deepEqual(asked, ['uid gone', 'gid mail']);
  });

  it('is unavailable for a directory or a fifo in its place, without waiting for a writer', async () => {
    const fifo = join(folder, 'fifo');
    execFileSync('mkfifo', [fifo]);
    for (const odd of [folder, fifo]) {
      const own = openPasswdStore({ name: 'odd', path: odd, logger, clock });
      const startedAt = performance.now();
      assert.equal((await own.find(queryFor('bob@d.test'))).kind, 'unavailable');
      assert.ok(performance.now() - startedAt < 2000);
    }
    assert.equal(logger.of('passwd-file.kept').length, 2);
  });
});
