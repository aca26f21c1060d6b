/**
 * The real Postern of a system test: the built program, started as an administrator would, in a folder of its own, as an
 * unprivileged user. Its log is collected; a warning or error nobody expected fails the test that asks `assertQuiet`.
 */
import assert from 'node:assert/strict';
import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import {
  chmodSync,
  chownSync,
  closeSync,
  cpSync,
  existsSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  writeFileSync,
} from 'node:fs';
import { createConnection } from 'node:net';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { MAIL_USER } from './system-folder.ts';
import { waitFor } from './wait.ts';

/** Sections of postern.ini with their keys. */
export type Settings = Readonly<Record<string, Readonly<Record<string, string>>>>;

export interface PosternOptions {
  /** Open to all users; Postern's files go into `postern` and `mail` below it. */
  readonly folder: string;
  /** Where its sockets go. */
  readonly socketDirectory: string;
  /** Added to, or in place of, what `posternSettings` gives. */
  readonly settings?: Settings;
}

/** One line of the log. */
export interface LogRecord {
  readonly level: string;
  readonly event: string;
  readonly [field: string]: unknown;
}

export interface RunResult {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface StartOptions {
  readonly environment?: NodeJS.ProcessEnv;
  /** A program and its arguments that execute Postern in their own process. */
  readonly wrapper?: readonly string[];
  /** Done again and again until it is ready. */
  readonly whileStarting?: () => void | Promise<void>;
  /** A new file that takes the log in place of `lines`: nobody has to read along. */
  readonly logFile?: string;
}

/** A message as it lies in a Maildir. */
export interface StoredMessage {
  readonly path: string;
  readonly content: Buffer;
}

const START_LIMIT_MS = 20_000;
const STOP_LIMIT_MS = 20_000;
const VERB_LIMIT_MS = 30_000;
const SOCKETS = { sasl: 'auth', policy: 'policy', lmtp: 'lmtp', lookup: 'lookup' } as const;

export class Postern {
  readonly folder: string;
  readonly configFile: string;
  readonly socketDirectory: string;
  /** What the present process has logged, and those before it. */
  readonly lines: LogRecord[] = [];
  #process: ChildProcess | undefined;
  #errors = '';
  readonly #program: string;
  readonly #kill = (): void => void this.#process?.kill('SIGKILL');

  /** Writes the configuration and makes the folders; `start` and `run` come after. */
  constructor(options: PosternOptions) {
    this.folder = options.folder;
    this.socketDirectory = options.socketDirectory;
    this.configFile = join(options.folder, 'postern.ini');
    this.#program = findProgram(options.folder);
    for (const name of ['postern', 'mail']) {
      const path = join(options.folder, name);
      mkdirSync(path, { mode: 0o700 });
      chownSync(path, MAIL_USER.uid, MAIL_USER.gid);
    }
    this.configure(options.settings ?? {});
    openCoverageFolder();
  }

  /** Home of each user, with Dovecot's variables. */
  get home(): string {
    return join(this.folder, 'mail', '%Ld', '%Ln');
  }

  get pid(): number {
    const pid = this.#process?.pid;
    assert.ok(pid !== undefined, 'Postern does not run');
    return pid;
  }

  /** Writes postern.ini anew; a running Postern reads it at the next start or reload. */
  configure(settings: Settings): void {
    const sections = mergeSettings(baseSettings(this), settings);
    const text = Object.entries(sections).map(([section, keys]) =>
      [`[${section}]`, ...Object.entries(keys).map(([key, value]) => `${key} = ${value}`), ''].join('\n'),
    );
    writeFileSync(this.configFile, text.join('\n'), { mode: 0o644 });
  }

  /** Starts the daemon and waits until it says it is ready and every socket takes connections. */
  async start(options: StartOptions = {}): Promise<void> {
    const command = [...(options.wrapper ?? []), process.execPath, this.#program, 'serve', '-c', this.configFile];
    const [file = '', ...args] = command;
    const { logFile } = options;
    const output = logFile === undefined ? 'pipe' : openSync(logFile, 'wx');
    const child = spawn(file, args, {
      cwd: this.folder,
      env: { ...process.env, ...options.environment },
      stdio: ['ignore', output, 'pipe'],
    });
    if (typeof output === 'number') closeSync(output);
    this.#process = child;
    this.#errors = '';
    const from = this.lines.length;
    if (child.stdout !== null) {
      createInterface(child.stdout).on('line', (line) => this.lines.push(parseLine(line)));
    }
    const logged = (): LogRecord[] => (logFile === undefined ? this.lines.slice(from) : readLog(logFile));
    child.stderr?.on('data', (chunk: Buffer) => (this.#errors += chunk.toString()));
    process.once('exit', this.#kill);
    await waitFor(
      'Postern to be ready',
      async () => {
        assert.equal(child.exitCode, null, `Postern ended with ${child.exitCode}: ${this.#describe(from)}`);
        await options.whileStarting?.();
        if (!logged().some(({ event }) => event === 'process.ready')) return false;
        const paths = Object.values(SOCKETS).map((name) => join(this.socketDirectory, name));
        return (await Promise.all(paths.filter((path) => existsSync(path)).map(accepts))).every(Boolean);
      },
      START_LIMIT_MS,
    ).catch((error: unknown) => assert.fail(`${String(error)}\n${this.#describe(from)}`));
  }

  /** Ends it as systemd does, and fails unless it ends well. */
  async stop(): Promise<void> {
    const child = this.#process;
    if (child === undefined) return;
    child.kill('SIGTERM');
    const status = await this.#ended(child);
    assert.equal(status, 0, `Postern ended badly: ${this.#describe()}`);
  }

  /** kill -9. */
  async kill(): Promise<void> {
    const child = this.#process;
    if (child === undefined) return;
    child.kill('SIGKILL');
    await this.#ended(child);
  }

  /** Sends a signal and waits for nothing. */
  signal(name: NodeJS.Signals): void {
    process.kill(this.pid, name);
  }

  /** Waits for the end that something else brings about, and gives the exit code. */
  waitForEnd(): Promise<number | null> {
    const child = this.#process;
    assert.ok(child !== undefined, 'Postern does not run');
    return this.#ended(child);
  }

  /** Runs a verb to its end, as root. */
  tryRun(args: readonly string[], input: string | Buffer = ''): RunResult {
    const { status, stdout, stderr } = spawnSync(process.execPath, [this.#program, '-c', this.configFile, ...args], {
      cwd: this.folder,
      input,
      encoding: 'utf8',
      timeout: VERB_LIMIT_MS,
    });
    return { status, stdout, stderr };
  }

  /** Runs a verb and gives what it printed; fails unless it exits with 0. */
  run(args: readonly string[], input: string | Buffer = ''): string {
    const { status, stdout, stderr } = this.tryRun(args, input);
    assert.equal(status, 0, `postern ${args.join(' ')} gave ${status}: ${stdout}${stderr}`);
    return stdout;
  }

  /** Log lines of one event. */
  of(event: string): LogRecord[] {
    return this.lines.filter((line) => line.event === event);
  }

  /** Fails when there is a warning or an error whose event is not among `expected`. */
  assertQuiet(expected: readonly string[] = []): void {
    const loud = this.lines.filter(({ level }) => !['trace', 'debug', 'info'].includes(level));
    assert.deepEqual(
      loud.filter(({ event }) => !expected.includes(event)),
      [],
    );
    assert.equal(this.#errors, '', 'standard error');
  }

  /** Memory in use by the process now, in bytes. */
  residentBytes(): number {
    const status = readFileSync(`/proc/${this.pid}/status`, 'utf8');
    return Number(/^VmRSS:\s+(\d+) kB/m.exec(status)?.[1]) * 1024;
  }

  /** The Maildir of an account, or one of its folders. */
  maildir(address: string, folder = ''): string {
    const [local = '', domain = ''] = address.split('@');
    return join(this.folder, 'mail', domain, local, 'Maildir', folder === '' ? '' : `.${folder}`);
  }

  /** What lies in `new` and `cur` of a mailbox, oldest first. */
  messages(address: string, folder = ''): StoredMessage[] {
    const maildir = this.maildir(address, folder);
    return ['new', 'cur'].flatMap((part) => {
      const path = join(maildir, part);
      if (!existsSync(path)) return [];
      const names = readdirSync(path).toSorted();
      return names.map((name) => ({ path: join(path, name), content: readFileSync(join(path, name)) }));
    });
  }

  /** Waits until a mailbox holds `count` messages. */
  async waitForMessages(address: string, count: number, folder = ''): Promise<StoredMessage[]> {
    await waitFor(
      `${count} messages of ${address}${folder === '' ? '' : ` in ${folder}`}`,
      () => this.messages(address, folder).length >= count,
      30_000,
    ).catch((error: unknown) =>
      assert.fail(`${String(error)}\n${this.#describe(Math.max(0, this.lines.length - 30))}`),
    );
    return this.messages(address, folder);
  }

  async #ended(child: ChildProcess): Promise<number | null> {
    await waitFor('Postern to end', () => child.exitCode !== null || child.signalCode !== null, STOP_LIMIT_MS);
    this.#process = undefined;
    process.off('exit', this.#kill);
    return child.exitCode;
  }

  #describe(from = 0): string {
    return [this.#errors, ...this.lines.slice(from).map((line) => JSON.stringify(line))].join('\n');
  }
}

function baseSettings(postern: Postern): Settings {
  const socket = (service: keyof typeof SOCKETS): Readonly<Record<string, string>> => ({
    listen: `unix:${join(postern.socketDirectory, SOCKETS[service])}`,
  });
  return {
    postern: {
      hostname: 'mx.example.test',
      user: MAIL_USER.user,
      group: MAIL_USER.group,
      state_dir: join(postern.folder, 'postern'),
    },
    log: { level: 'info' },
    mail: { home: postern.home, location: 'maildir:~/Maildir', recipient_delimiter: '+' },
    sasl: socket('sasl'),
    policy: socket('policy'),
    lmtp: socket('lmtp'),
    lookup: socket('lookup'),
    http: { listen: '' },
  };
}

function mergeSettings(base: Settings, changes: Settings): Settings {
  const merged: Record<string, Readonly<Record<string, string>>> = { ...base };
  for (const [section, keys] of Object.entries(changes)) merged[section] = { ...merged[section], ...keys };
  return merged;
}

/** The built program, or a copy of it where the checkout is closed to the user Postern runs as. */
export function findProgram(folder: string): string {
  const root = join(import.meta.dirname, '../../..');
  const program = join(root, 'dist/src/postern.cjs');
  assert.ok(existsSync(program), `${program} is missing: npm run build`);
  const { uid, gid } = MAIL_USER;
  // Without root nobody else is to read it, and nobody else could be asked.
  if (process.getuid?.() !== 0) return program;
  if (spawnSync('/usr/bin/test', ['-r', program], { uid, gid }).status === 0) return program;
  const copy = join(folder, 'program');
  mkdirSync(copy, { mode: 0o755 });
  for (const name of ['package.json', 'dist', 'node_modules']) {
    const [from, to] = [join(root, name), join(copy, name)];
    // Hard links cost nothing, but need the same file system.
    if (spawnSync('cp', ['-rlL', from, to]).status === 0) continue;
    cpSync(from, to, { recursive: true, dereference: true });
  }
  return join(copy, 'dist/src/postern.cjs');
}

/** Under c8 the daemon writes its coverage itself, as the user it runs as. */
function openCoverageFolder(): void {
  const folder = process.env['NODE_V8_COVERAGE'];
  if (folder !== undefined && existsSync(folder)) chmodSync(folder, 0o1777);
}

/** The lines of a log that went to a file. */
export function readLog(file: string): LogRecord[] {
  // The last line may not be whole yet.
  return readFileSync(file, 'utf8').split('\n').slice(0, -1).map(parseLine);
}

function parseLine(line: string): LogRecord {
  if (!line.startsWith('{')) return { level: 'error', event: 'not-json', line };
  const record: LogRecord = JSON.parse(line);
  return record;
}

function accepts(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = createConnection(path);
    socket.once('error', () => resolve(false));
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
  });
}
