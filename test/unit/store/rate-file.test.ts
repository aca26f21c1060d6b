/** The file of rates: whole or refused. */
import assert from 'node:assert/strict';
import { readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import type { RateRecord } from '../../../src/policy/rate-table.ts';
import { RateFile } from '../../../src/store/rate-file.ts';
import { temporaryFolder } from '../../support/temporary-folder.ts';

const RECORD: RateRecord = { who: 'ann@example.com', window: 'hour', startedAt: 300_000, messages: 2, recipients: 7 };

async function load(file: RateFile): Promise<RateRecord[]> {
  const records: RateRecord[] = [];
  await file.load((record) => records.push(record));
  return records;
}

describe('RateFile', () => {
  it('gives back what was saved, readable by nobody else', async (t) => {
    const path = join(temporaryFolder(t), 'rates');
    const file = new RateFile(path);
    assert.equal(await file.load(() => assert.fail('there is nothing')), false);
    const records = [RECORD, { ...RECORD, who: '@bücher.example', window: 'day' as const }];
    await file.save(records);
    assert.deepEqual(await load(file), records);
    assert.equal(statSync(path).mode & 0o777, 0o600);
  });

  it('refuses a file that is cut, altered or of another kind', async (t) => {
    const path = join(temporaryFolder(t), 'rates');
    const file = new RateFile(path);
    await file.save([RECORD]);
    const good = readFileSync(path, 'utf8');
    const bad = [
      '',
      good.slice(0, -1),
      good.slice(0, good.lastIndexOf('\n', good.length - 2) + 1),
      good.replace('rates 1', 'penalties 1'),
      good.replace('"hour"', '"week"'),
      good.replace(',2,7', ',-2,7'),
      good.replace(',2,7', ',2.5,7'),
      good.replace('300000', '1e400'),
      good.replace('[', '{'),
      `${good}1\n`,
    ];
    for (const text of bad) {
      assert.notEqual(text, good);
      writeFileSync(path, text);
      await assert.rejects(load(file), SyntaxError, JSON.stringify(text));
    }
  });
});
