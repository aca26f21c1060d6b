import assert from 'node:assert/strict';
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { setTimeout } from 'node:timers/promises';
import { LineWriter } from '../../../src/log/line-writer.ts';

const folder = mkdtempSync(join(tmpdir(), 'postern-'));
after(() => rmSync(folder, { recursive: true }));

describe('LineWriter', () => {
  it('writes at once when a turn logs a lot', () => {
    const file = join(folder, 'much');
    writeFileSync(file, '');
    const fd = openSync(file, 'a');
    const writer = new LineWriter({ fd, onLost: () => assert.fail('nothing was lost') });
    for (let i = 0; i < 70; i++) writer.write(`${'x'.repeat(1023)}\n`);
    assert.equal(readFileSync(file).length, 64 * 1024);
    writer.flush();
    assert.equal(readFileSync(file).length, 70 * 1024);
    closeSync(fd);
  });

  it('tries again by itself when nothing could be written', async () => {
    const fd = openSync('/dev/full', 'w');
    const writer = new LineWriter({ fd, onLost: () => assert.fail('nothing was lost') });
    writer.write('waits\n');
    writer.flush();
    closeSync(fd);
    const file = join(folder, 'later');
    assert.equal(openSync(file, 'w'), fd);
    for (let i = 0; i < 100 && readFileSync(file, 'utf8') === ''; i++) await setTimeout(20);
    assert.equal(readFileSync(file, 'utf8'), 'waits\n');
    writer.close();
    closeSync(fd);
  });

  it('bounds what waits for a full disk, and says how many lines were lost once it can', () => {
    const lost: number[] = [];
    // The descriptor stays the same while what is behind it changes, as when an administrator makes room.
    const fd = openSync('/dev/full', 'w');
    const writer = new LineWriter({ fd, onLost: (lines) => lost.push(lines) });
    const line = `${'x'.repeat(1024 * 1024 - 1)}\n`;
    for (let i = 0; i < 10; i++) {
      writer.write(line);
      writer.flush();
    }
    closeSync(fd);
    const file = join(folder, 'room');
    const again = openSync(file, 'w');
    assert.equal(again, fd);
    writer.write('last\n');
    writer.close();
    closeSync(again);
    assert.deepEqual(lost, [3]);
    assert.equal(readFileSync(file).length, 8 * 1024 * 1024);
  });
});
