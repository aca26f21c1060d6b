import assert from 'node:assert/strict';
import { mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { DeliveryJournal, formatJournalKey } from '../../../src/mail/journal.ts';
import { CollectingLogger } from '../../support/collecting-logger.ts';
import { RecordingFiles } from '../../support/recording-files.ts';
import { temporaryFolder } from '../../support/temporary-folder.ts';

const NOW_MS = 1_790_000_000_000;
const WINDOW_MS = 86_400_000;

interface Fixture {
  readonly directory: string;
  readonly files: RecordingFiles;
  readonly logger: CollectingLogger;
  nowMs: number;
  /** Begins a new process on the same files. */
  open(maxRecords?: number): Promise<DeliveryJournal>;
}

function createFixture(t: TestContext): Fixture {
  const directory = temporaryFolder(t);
  const files = new RecordingFiles();
  const logger = new CollectingLogger();
  const fixture: Fixture = {
    directory,
    files,
    logger,
    nowMs: NOW_MS,
    open: async (maxRecords = 1000) => {
      const clock = { now: () => fixture.nowMs };
      const journal = new DeliveryJournal({ files, directory, windowMs: WINDOW_MS, maxRecords, clock, logger });
      t.after(() => journal.stop());
      await journal.start();
      return journal;
    },
  };
  return fixture;
}

function keyOf(name: string): string {
  return formatJournalKey(Buffer.from(name), '/d');
}

function lineOf(name: string, atMs = NOW_MS): string {
  return `${Math.floor(atMs / 1000)} ${keyOf(name)} ${name}\n`;
}

describe('DeliveryJournal', () => {
  it('that cannot be read stops deliveries, not the daemon, until it can be (RULES 3)', async (t) => {
    const fixture = createFixture(t);
    const path = join(fixture.directory, 'deliveries.journal');
    mkdirSync(path);
    const journal = await fixture.open();
    await assert.rejects(
      journal.exclusively(keyOf('a'), () => Promise.resolve()),
      { code: 'EISDIR' },
    );
    rmSync(path, { recursive: true });
    writeFileSync(path, lineOf('a'));
    await journal.exclusively(keyOf('a'), () => Promise.resolve());
    assert.equal(journal.find(keyOf('a')), 'a');
    fixture.logger.assertQuiet(['mail.journal-fault']);
  });

  it('with a hole of zeros after a loss of power is read quickly, and past the hole', async (t) => {
    const fixture = createFixture(t);
    const path = join(fixture.directory, 'deliveries.journal');
    writeFileSync(path, Buffer.concat([Buffer.from(lineOf('a')), Buffer.alloc(64 * 1024 * 1024)]));
    writeFileSync(path, `\n${lineOf('b')}`, { flag: 'a' });
    const startedAt = Date.now();
    const journal = await fixture.open();
    assert.deepEqual([journal.find(keyOf('a')), journal.find(keyOf('b'))], ['a', 'b']);
    assert.ok(Date.now() - startedAt < 1500, `took ${Date.now() - startedAt} ms`);
  });

  it('longer than the limit is read to its newest records', async (t) => {
    const fixture = createFixture(t);
    const names = ['a', 'b', 'c', 'd'];
    writeFileSync(join(fixture.directory, 'deliveries.journal'), names.map((name) => lineOf(name)).join(''));
    const journal = await fixture.open(2);
    assert.deepEqual(
      names.map((name) => journal.find(keyOf(name))),
      [undefined, undefined, 'c', 'd'],
    );
  });

  it('does not grow without end when one message comes again and again', async (t) => {
    const fixture = createFixture(t);
    const journal = await fixture.open(100);
    for (let i = 0; i < 500; i++) await journal.record(keyOf('a'), 'a');
    const sizes = ['deliveries.journal', 'deliveries.journal.old'].map(
      (name) => statSync(join(fixture.directory, name)).size,
    );
    assert.ok(Math.max(...sizes) <= 60 * lineOf('a').length, String(sizes));
    assert.equal(journal.find(keyOf('a')), 'a');
  });

  it('written under a clock that ran ahead still forgets by age', async (t) => {
    const fixture = createFixture(t);
    writeFileSync(join(fixture.directory, 'deliveries.journal'), lineOf('a', NOW_MS + 100 * WINDOW_MS));
    const journal = await fixture.open();
    for (const name of ['b', 'c', 'd']) {
      await journal.record(keyOf(name), name);
      fixture.nowMs += WINDOW_MS;
    }
    assert.equal(journal.find(keyOf('a')), undefined);
    assert.equal(journal.find(keyOf('d')), 'd');
    assert.ok(!readFileSync(join(fixture.directory, 'deliveries.journal'), 'latin1').includes(keyOf('a')));
  });
});
