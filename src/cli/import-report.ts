/** What came, or would come, of an import: counted, and for every line that cannot be taken its number and the reason. */
import type { ImportVerdict } from '../directory/import.ts';
import type { ReadUser } from './import-line.ts';
import { POSTFIX_NOTE } from './postfix-note.ts';
import { printJson } from './print-json.ts';
import type { Terminal } from './terminal.ts';

interface Refusal {
  readonly line: number;
  readonly name: string;
  readonly reason: string;
}

export class ImportReport {
  readonly #file: string;
  readonly #isApplied: boolean;
  readonly #updates: boolean;
  readonly #refusals: Refusal[] = [];
  readonly #skipped: Refusal[] = [];
  readonly #schemes = new Map<string, { count: number; weakness: string | undefined }>();
  readonly #counts = { new: 0, exists: 0, updated: 0, otherPassword: 0, noPassword: 0, locked: 0, foreignOwner: 0 };
  newDomains: readonly string[] = [];

  constructor(options: { readonly file: string; readonly isApplied: boolean; readonly updates: boolean }) {
    this.#file = options.file;
    this.#isApplied = options.isApplied;
    this.#updates = options.updates;
  }

  get faultyCount(): number {
    return this.#refusals.length;
  }

  /** A line that could not be read as an account. */
  refuse(refusal: Refusal): void {
    this.#refusals.push(refusal);
  }

  /** A further line for a user of the file. */
  skip({ line, name, first }: { readonly line: number; readonly name: string; readonly first: number }): void {
    this.#skipped.push({ line, name, reason: `line ${first} is for the same user, and is the one that counts` });
  }

  /** An account and its verdict. */
  add({
    line,
    read,
    verdict,
  }: {
    readonly line: number;
    readonly read: Extract<ReadUser, { kind: 'good' }>;
    readonly verdict: ImportVerdict;
  }): void {
    const { account, hash } = read;
    switch (verdict.kind) {
      case 'refused':
        return this.refuse({ line, name: account.address, reason: verdict.reason });
      case 'exists':
        this.#counts.exists += 1;
        if (verdict.hasOtherPassword) this.#counts.otherPassword += 1;
        return;
      case 'new':
      case 'updated':
        this.#counts[verdict.kind] += 1;
    }
    if (hash === undefined) this.#counts.noPassword += 1;
    else this.#countScheme(hash);
    if (read.isLocked) this.#counts.locked += 1;
    if (read.hasForeignOwner && verdict.kind === 'new') this.#counts.foreignOwner += 1;
  }

  /** Prints counts on standard output, and what was not taken on standard error. */
  print(terminal: Terminal): void {
    const counts = this.#counts;
    for (const refusal of this.#skipped) terminal.err(`${this.#format(refusal)}\n`);
    for (const refusal of this.#refusals) terminal.err(`${this.#format(refusal)}\n`);
    terminal.out(`new      ${counts.new}\n`);
    terminal.out(`exists   ${counts.exists}${this.#describeOthers()}\n`);
    terminal.out(`updated  ${counts.updated}\n`);
    terminal.out(`skipped  ${this.#skipped.length}\n`);
    terminal.out(`faulty   ${this.#refusals.length}\n`);
    if (this.newDomains.length > 0)
      terminal.out(`domains  ${this.newDomains.length} new: ${this.newDomains.join(', ')}\n`);
    for (const [scheme, { count, weakness }] of this.#sortedSchemes())
      terminal.out(`{${scheme}} ${count}${weakness === undefined ? '' : `, weak: ${weakness}`}\n`);
    for (const note of this.#notes()) terminal.err(`${note}\n`);
  }

  /** Prints all of it as one value. */
  printJson(terminal: Terminal): void {
    const { otherPassword, noPassword, locked, foreignOwner, ...counts } = this.#counts;
    printJson(terminal, {
      file: this.#file,
      isApplied: this.#isApplied,
      ...counts,
      skipped: this.#skipped,
      faulty: this.#refusals,
      withOtherPassword: otherPassword,
      withoutPassword: noPassword,
      locked,
      withForeignOwner: foreignOwner,
      newDomains: this.newDomains,
      schemes: Object.fromEntries(this.#sortedSchemes()),
    });
  }

  #countScheme({ scheme, weakness }: { readonly scheme: string; readonly weakness?: string | undefined }): void {
    const key = scheme;
    const known = this.#schemes.get(key) ?? { count: 0, weakness };
    known.count += 1;
    this.#schemes.set(key, known);
  }

  #sortedSchemes(): [string, { count: number; weakness: string | undefined }][] {
    return [...this.#schemes].toSorted(([, first], [, second]) => second.count - first.count);
  }

  /** The name comes from the file: quoted, so that it cannot forge a line. */
  #format({ line, name, reason }: Refusal): string {
    return `${this.#file}:${line}: ${JSON.stringify(name)}: ${reason}`;
  }

  #describeOthers(): string {
    const { otherPassword } = this.#counts;
    return otherPassword === 0 ? '' : ` (${otherPassword} with another password here: --update takes that of the file)`;
  }

  #notes(): string[] {
    const { noPassword, locked, foreignOwner } = this.#counts;
    const isWeak = [...this.#schemes.values()].some(({ weakness }) => weakness !== undefined);
    return [
      ...(noPassword > 0 ? [`${noPassword} without a password (${locked} locked): nobody can log in to them`] : []),
      ...(foreignOwner > 0
        ? [`${foreignOwner} with a uid or gid that is not ours: their mail waits until it belongs to us (chown)`]
        : []),
      ...(isWeak ? ['[auth] upgrade_scheme = yes replaces weak hashes, each at the next login'] : []),
      ...(this.#updates || this.#counts.exists === 0 ? [] : ['Accounts that exist were left as they are']),
      ...(this.#isApplied && this.newDomains.length > 0 ? [POSTFIX_NOTE] : []),
      ...(this.#isApplied ? [] : ['Nothing was changed: this was a dry run, --apply does it']),
    ];
  }
}
