/**
 * `postern auth penalties`: who is slowed down, by which failures, and where users are known; and how to take it back. The
 * running daemon knows and answers (RULES 42).
 */
import { askAndCheck, type AskDaemon } from './daemon.ts';
import { formatColumns } from './format-columns.ts';
import { printJsonList } from './print-json.ts';
import type { CliContext, Verb } from './program.ts';

/** Verbs of the control socket. */
export const LIST_PENALTIES = 'penalties';
export const CLEAR_PENALTIES = 'clear-penalties';

interface PenaltyOptions {
  readonly all?: true;
  readonly clear?: string;
  readonly json?: true;
}

/** A row as the daemon sends it; times are milliseconds since 1970. */
interface Row {
  readonly network?: string;
  readonly user?: string;
  readonly failures: number;
  readonly delayMs: number;
  readonly lastFailureAt?: number;
  readonly goodUntil?: number;
}

interface Scene {
  readonly context: CliContext;
  readonly ask: AskDaemon;
}

const HEAD = ['NETWORK', 'USER', 'FAILURES', 'DELAY', 'LAST FAILURE', 'GOOD UNTIL'];
/** Stands for every network or every user. */
const ANY = '*';
const SECOND_MS = 1000;

export function authPenaltiesVerb(ask: AskDaemon): Verb {
  return (family, context) => {
    family
      .command('penalties')
      .description('who is slowed down for failed logins')
      .argument('[who]', 'a user, a network, or an address: only what is known of them')
      .option('--all', 'also those who failed and are not slowed yet')
      .option('--clear <who>', 'forget the failures of a user, a network, an address, or "all"')
      .option('--json', 'as JSON')
      .action(async (who: string | undefined, options: PenaltyOptions) => {
        const scene = { context, ask };
        if (options.clear === undefined) await list(scene, who, options);
        else await clear(scene, options.clear, options);
      });
  };
}

async function list({ context, ask }: Scene, who: string | undefined, options: PenaltyOptions): Promise<void> {
  const rows: Row[] = [];
  let offset: unknown = 0;
  while (typeof offset === 'number') {
    const request = {
      verb: LIST_PENALTIES,
      offset,
      isAll: options.all === true,
      ...(who === undefined ? {} : { who }),
    };
    const reply = await askAndCheck(context, ask, request);
    if (reply === undefined) return;
    const page: unknown = reply['rows'];
    if (Array.isArray(page)) rows.push(...page.filter(isRow));
    offset = reply['next'];
  }
  rows.sort((a, b) => b.delayMs - a.delayMs || (b.lastFailureAt ?? 0) - (a.lastFailureAt ?? 0));
  if (options.json === true) await printJsonList(context.terminal, rows.map(toJson));
  else if (rows.length > 0) context.terminal.out(formatRows(rows));
  else
    context.terminal.err(
      who === undefined ? 'Nobody is slowed down\n' : `Nothing is counted for ${JSON.stringify(who)}\n`,
    );
}

async function clear({ context, ask }: Scene, who: string, options: PenaltyOptions): Promise<void> {
  const reply = await askAndCheck(context, ask, { verb: CLEAR_PENALTIES, who });
  if (reply === undefined) return;
  const count = Number(reply['cleared']);
  if (options.json === true) context.terminal.out(`${JSON.stringify({ cleared: count })}\n`);
  else context.terminal.out(`Cleared ${count} ${count === 1 ? 'entry' : 'entries'}\n`);
}

function isRow(value: unknown): value is Row {
  return typeof value === 'object' && value !== null && 'failures' in value && 'delayMs' in value;
}

function toJson({ network, user, failures, delayMs, lastFailureAt, goodUntil }: Row): unknown {
  return {
    network,
    user,
    failures,
    delayMs,
    lastFailureAt: lastFailureAt === undefined ? undefined : new Date(lastFailureAt).toISOString(),
    goodUntil: goodUntil === undefined ? undefined : new Date(goodUntil).toISOString(),
  };
}

function formatRows(rows: readonly Row[]): string {
  const cells = rows.map(({ network, user, failures, delayMs, lastFailureAt, goodUntil }) => [
    network ?? ANY,
    user === undefined ? ANY : showName(user),
    String(failures),
    delayMs === 0 ? '-' : `${delayMs / SECOND_MS} s`,
    formatTime(lastFailureAt),
    formatTime(goodUntil),
  ]);
  return formatColumns([HEAD, ...cells]);
}

function formatTime(time: number | undefined): string {
  return time === undefined ? '-' : new Date(time).toISOString().replace(/\.\d+Z$/, 'Z');
}

/** Strangers chose the names: nothing in them may move a terminal's cursor. */
function showName(name: string): string {
  return /^[!-~]+$/.test(name) ? name : JSON.stringify(name).replaceAll(/[\u007F-\u{10FFFF}]/gu, escapeCharacter);
}

function escapeCharacter(character: string): string {
  return `\\u{${(character.codePointAt(0) ?? 0).toString(16)}}`;
}
