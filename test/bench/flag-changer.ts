/**
 * Changes flags in Maildirs as an IMAP server would, in a process of its own: a rename in `cur` of each of them again and
 * again. Arguments: milliseconds between two changes in one Maildir, and the Maildirs. It ends with its parent.
 */
import { opendirSync, renameSync } from 'node:fs';
import { join } from 'node:path';

/** Messages of a Maildir that have their flags changed in turn. */
const MESSAGES = 100;

/** Some names in a directory, without reading all of it. */
function takeNames(directory: string): string[] {
  const names: string[] = [];
  const entries = opendirSync(directory);
  for (let entry = entries.readSync(); entry !== null && names.length < MESSAGES; entry = entries.readSync()) {
    names.push(entry.name);
  }
  entries.closeSync();
  return names;
}

const [pause = '', ...maildirs] = process.argv.slice(2);
const folders = maildirs.map((maildir) => ({ path: join(maildir, 'cur'), names: takeNames(join(maildir, 'cur')) }));
let turn = 0;

function changeFlags(): void {
  for (const { path, names } of folders) {
    const name = names[turn % names.length] ?? '';
    const changed = name.endsWith(':2,S') ? name.replace(':2,S', ':2,') : name.replace(':2,', ':2,S');
    renameSync(join(path, name), join(path, changed));
    names[turn % names.length] = changed;
  }
  turn += 1;
}

setInterval(changeFlags, Number(pause));
process.once('disconnect', () => process.exit(0));
process.send?.('ready');
