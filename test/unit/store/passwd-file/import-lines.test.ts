import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import fc from 'fast-check';
import { driverReaders } from '../../../../src/app-readers.ts';
import { readImportLines, type NumberedUser } from '../../../../src/store/passwd-file/import-lines.ts';
import { temporaryFolder } from '../../../support/temporary-folder.ts';

async function read(t: TestContext, content: string | Buffer, defaultDomain?: string): Promise<NumberedUser[]> {
  const path = join(temporaryFolder(t), 'users');
  writeFileSync(path, content);
  const ids = { findUid: () => undefined, findGid: () => undefined };
  const options = { source: 'import', defaultScheme: 'CRYPT', defaultDomain, ids, readers: driverReaders };
  const users: NumberedUser[] = [];
  for await (const user of await readImportLines(path, options)) users.push(user);
  return users;
}

describe('readImportLines()', () => {
  const cases: readonly (readonly [what: string, line: string, name: string | undefined, password?: string])[] = [
    ['a passwd-file line', 'bob@d.test:{PLAIN}x::::::', 'bob@d.test', '{PLAIN}x'],
    ['a line that ends early', 'bob@d.test', 'bob@d.test'],
    ['a CR before the line feed', 'bob@d.test:{PLAIN}x\r', 'bob@d.test', '{PLAIN}x'],
    ['docker-mailserver', 'bob@d.test|{SHA512-CRYPT}$6$a$b', 'bob@d.test', '{SHA512-CRYPT}$6$a$b'],
    ['docker-mailserver without a password', 'bob@d.test|', 'bob@d.test'],
    ['docker-mailserver with CR', 'bob@d.test|{PLAIN}x\r', 'bob@d.test', '{PLAIN}x'],
    ['docker-mailserver with a comment mark inside', 'bob@d.test|{PLAIN}x#y', 'bob@d.test', '{PLAIN}x#y'],
    ['a pipe in a password', 'bob@d.test:{PLAIN}x|y|z', 'bob@d.test', '{PLAIN}x|y|z'],
    ['a comment', '#bob@d.test|{PLAIN}x', undefined],
    ['a line without a name', ':{PLAIN}x', undefined],
    ['a pipe without a name', '|{PLAIN}x', '|{plain}x'],
    ['a name without a domain', 'bob:{PLAIN}x', 'bob', '{PLAIN}x'],
  ];
  for (const [what, line, name, password] of cases) {
    it(`reads ${what}`, async (t) => {
      const users = await read(t, `# first\n${line}\nlast@d.test`);
      const [found] = users;
      assert.equal(users.at(-1)?.line, 3);
      if (name === undefined) return assert.equal(found?.user.name, 'last@d.test');
      assert.deepEqual([found?.line, found?.user.name, found?.user.login.password], [2, name, password]);
    });
  }

  it('appends the default domain to names that have none', async (t) => {
    const users = await read(t, 'bob:x\nann@e.test:x\ncat|{PLAIN}x\n@:x\n', 'd.test');
    assert.deepEqual(
      users.map(({ user }) => user.name),
      ['bob@d.test', 'ann@e.test', 'cat@d.test', '@'],
    );
  });

  it('reads any bytes without a fault of its own, and numbers lines as an editor does', async (t) => {
    const line = fc.oneof(
      fc.uint8Array({ maxLength: 60 }).map((bytes) => Buffer.from(bytes).toString('latin1').replaceAll('\n', ' ')),
      fc.string({ maxLength: 60, unit: fc.constantFrom(...Array.from('a@.:|{}$%= _-\\"\'#\r\0é')) }),
    );
    await fc.assert(
      fc.asyncProperty(fc.array(line, { maxLength: 12 }), async (lines) => {
        const users = await read(t, Buffer.from(lines.join('\n'), 'latin1'), 'd.test');
        for (const { line: number, user } of users) {
          const text = lines[number - 1] ?? '';
          assert.ok(text !== '' && !text.startsWith('#') && !text.startsWith(':'), JSON.stringify(text));
          assert.ok(user.name !== '');
        }
        const numbers = users.map(({ line: number }) => number);
        assert.deepEqual(numbers, [...new Set(numbers)]);
      }),
      { numRuns: 200 },
    );
  });

  it('rejects a file that is none', async (t) => {
    const folder = temporaryFolder(t);
    const ids = { findUid: () => undefined, findGid: () => undefined };
    const options = { source: 'x', defaultScheme: 'CRYPT', defaultDomain: undefined, ids, readers: driverReaders };
    await assert.rejects(readImportLines(folder, options), /no regular file/);
    await assert.rejects(readImportLines(join(folder, 'missing'), options), /ENOENT/);
  });
});
