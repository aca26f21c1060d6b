/** A passwd-file as a userdb. It has no aliases; its domains are those of its `user@domain` names, or of its files. */
import { domainOf, normalizeLogin } from '../../core/address.ts';
import { describeError } from '../../core/errors.ts';
import { ABSENT, unavailable, type Lookup } from '../../core/outcome.ts';
import { usesVariable } from '../../core/variables.ts';
import type { Account, Alias, DirectorySource, Domain } from '../../directory/source.ts';
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { DriverReaders } from '../driver-readers.ts';
import { NameKey } from '../name-key.ts';
import type { PasswdFileSet } from './file-set.ts';
import { readLineAccount, type RawLine } from './line.ts';
import type { PasswdContent } from './passwd-file.ts';
import type { PasswdTable } from './table.ts';

/** Accounts made of the present version; all are forgotten together. */
const MAX_KEPT = 10_000;
/** About a millisecond of reading lines. */
const LINES_PER_TURN = 100;

export interface PasswdFileUserdbOptions {
  /** Name of the section, for `Account.source`. */
  readonly name: string;
  readonly files: PasswdFileSet;
  /** The name a user stands under in the file. */
  readonly usernameFormat: string;
  readonly readers: DriverReaders;
}

export class PasswdFileUserdb implements DirectorySource {
  readonly name: string;
  readonly cannotList: string | undefined;
  readonly #options: PasswdFileUserdbOptions;
  readonly #key: NameKey;
  readonly #kept = new Map<string, { readonly table: PasswdTable; readonly account: Account }>();

  constructor(options: PasswdFileUserdbOptions) {
    this.name = options.name;
    this.#options = options;
    this.#key = new NameKey(options.usernameFormat);
    this.cannotList = describeGap(options);
  }

  /** With a file for each domain, a domain is ours when it has one. */
  findDomain(name: string): Promise<Lookup<Domain>> {
    const { files } = this.#options;
    if (files.fixed === undefined && !files.isByDomain) return Promise.resolve(ABSENT);
    return files.ask(`postmaster@${name}`, ({ table }) =>
      files.isByDomain || table.hasDomain(name) ? { name, catchAll: [] } : undefined,
    );
  }

  async findAccount(address: string): Promise<Lookup<Account>> {
    try {
      const key = normalizeLogin(this.#key.of({ user: address }));
      return await this.#options.files.ask(address, (content) => this.#read(content, { address, key }));
    } catch (error) {
      return unavailable(describeError(error));
    }
  }

  findAlias(): Promise<Lookup<Alias>> {
    return this.#ask();
  }

  findSenders(): Promise<Lookup<readonly string[]>> {
    return this.#ask();
  }

  /** Lists every account that stands in the file under its address; throws when there is no good version. */
  async *accounts(domain?: string): AsyncIterable<Account> {
    const { fixed } = this.#options.files;
    if (fixed === undefined) return;
    const answer = await fixed.ask((content) => content);
    if (answer.kind !== 'found') {
      const reason = answer.kind === 'unavailable' ? answer.reason : 'not read yet';
      throw new Error(`Cannot list accounts of "${this.name}": ${reason}`);
    }
    const { table, ids } = answer.value;
    let number = 0;
    for (const { name, raw } of table.users()) {
      number += 1;
      if (number % LINES_PER_TURN === 0) await nextTurn();
      if (!name.includes('@') || (domain !== undefined && domainOf(name) !== domain)) continue;
      const account = this.#makeAccount(raw, { address: name, ids });
      if (account !== undefined) yield account;
    }
  }

  /** Nothing of the kind stands in a passwd-file; while there is none, not even that is known. */
  #ask<T>(): Promise<Lookup<T>> {
    const { fixed } = this.#options.files;
    return fixed === undefined ? Promise.resolve(ABSENT) : fixed.ask<T>(() => undefined);
  }

  #read(content: PasswdContent, { address, key }: { address: string; key: string }): Account | undefined {
    const { table, ids } = content;
    const kept = this.#kept.get(address);
    if (kept?.table === table) return kept.account;
    const raw = table.find(key);
    if (raw === undefined) return undefined;
    const account = this.#makeAccount(raw, { address, ids });
    if (account === undefined) return undefined;
    if (this.#kept.size >= MAX_KEPT) this.#kept.clear();
    this.#kept.set(address, { table, account });
    return account;
  }

  #makeAccount(
    raw: RawLine,
    { address, ids }: { readonly address: string; readonly ids: PasswdContent['ids'] },
  ): Account | undefined {
    const { name, readers } = this.#options;
    // The scheme plays no part in an account.
    return readLineAccount(raw, { address, source: name, defaultScheme: 'CRYPT', ids, readers }).account;
  }
}

/** Why the accounts cannot be told from the file alone. */
function describeGap({ files, usernameFormat }: PasswdFileUserdbOptions): string | undefined {
  if (files.fixed === undefined) return 'its path has variables: which files there are is not known';
  const hasDomains = usesVariable(usernameFormat, ['user', 'domain', 'domain_first', 'domain_last']);
  return hasDomains ? undefined : 'its username_format leaves the domain out: which addresses there are is not known';
}
