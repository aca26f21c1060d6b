/** The verbs of the directory with real stores in a folder, and passwords "hashed" as {PLAIN}: no process, no threads. */
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { makeToken, parseToken, sealToken } from '../../../src/auth/app-password.ts';
import { driverReaders } from '../../../src/app-readers.ts';
import { describeHash } from '../../../src/auth/schemes/hash-facts.ts';
import { accountVerb } from '../../../src/cli/account.ts';
import { appPasswordVerb } from '../../../src/cli/app-password.ts';
import { aliasVerb } from '../../../src/cli/alias.ts';
import { domainVerb } from '../../../src/cli/domain.ts';
import { initVerb } from '../../../src/cli/init.ts';
import { runProgram } from '../../../src/cli/program.ts';
import type { CliTools } from '../../../src/cli/tools.ts';
import { userVerb } from '../../../src/cli/user.ts';
import { formatIni } from '../../../src/config/write-ini.ts';
import { checkHome, expandHome } from '../../../src/directory/home.ts';
import { Resolver } from '../../../src/directory/resolver.ts';
import { readImportLines } from '../../../src/store/passwd-file/import-lines.ts';
import { SqliteReader } from '../../../src/store/sqlite/reader.ts';
import { openSqliteAdmin } from '../../../src/store/sqlite/writer.ts';
import { CollectingLogger } from '../../support/collecting-logger.ts';
import { FakeTerminal } from '../../support/fake-terminal.ts';
import { queryFor } from '../../support/passdb-query.ts';
import { temporaryFolder } from '../../support/temporary-folder.ts';

export interface Run {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

export interface Site {
  readonly folder: string;
  /** Runs a verb; `person` answers questions, or gives what is on standard input. */
  run(args: readonly string[], person?: ConstructorParameters<typeof FakeTerminal>[0]): Promise<Run>;
}

const TOOLS: CliTools = {
  openAdmin: (config, { create }) =>
    openSqliteAdmin({
      path: join(config.postern.stateDir, 'postern.db'),
      create,
      logger: new CollectingLogger(),
      homes: { expand: (address) => expandHome(config.mail.home, address), check: checkHome },
      makeDirectory: (source) => new Resolver({ source, recipientDelimiter: config.mail.recipientDelimiter }),
    }),
  openDirectory: (config) => {
    const path = join(config.postern.stateDir, 'postern.db');
    const source = new SqliteReader({ name: 'local', path, logger: new CollectingLogger() });
    return {
      source,
      passwords: [],
      examine: () => Promise.resolve([]),
      findLogin: (name) => source.find(queryFor(name)),
      directory: new Resolver({ source, recipientDelimiter: config.mail.recipientDelimiter }),
      homeOf: (account) => account.home ?? expandHome(config.mail.home, account.address),
      close: () => source.close(),
    };
  },
  // As with bcrypt: the real one rejects a password that its scheme cannot hold.
  hashPassword: (_config, password) =>
    password.length > 72
      ? Promise.reject(new RangeError('Cannot hash the password: too long'))
      : Promise.resolve(`{PLAIN}${password.toString()}`),
  describeHash,
  examineNotices: () => [],
  readUsersFile: (path, options) => {
    const ids = { findUid: () => 5000, findGid: () => 5000 };
    return readImportLines(path, { ...options, source: path, ids, readers: driverReaders });
  },
  makeAppPassword: () => {
    const shown = makeToken();
    return { shown, ...sealToken(parseToken(Buffer.from(shown)) ?? '') };
  },
};

/** A site with a configuration and no database. */
export function makeSite(t: TestContext): Site {
  const folder = temporaryFolder(t);
  const file = join(folder, 'postern.ini');
  return {
    folder,
    async run(args, person) {
      if (!existsSync(file)) {
        mkdirSync(join(folder, 'state'), { recursive: true });
        const entries = [{ key: 'state_dir', text: join(folder, 'state') }];
        const mail = [{ key: 'home', text: join(folder, 'mail', '%Ld', '%Ln') }];
        writeFileSync(
          file,
          formatIni([
            { name: 'postern', entries },
            { name: 'mail', entries: mail },
          ]),
        );
      }
      const terminal = new FakeTerminal(person);
      const code = await runProgram(['-c', file, ...args], {
        verbs: [domainVerb, accountVerb, appPasswordVerb, aliasVerb, userVerb, initVerb].map((verb) => verb(TOOLS)),
        terminal,
        environment: {},
        version: '0',
      });
      return { code, out: terminal.output, err: terminal.errors };
    },
  };
}
