/**
 * `postern rate`: who sent how much in the last hour and day, beside the limits, who is suspended, and how to begin anew. The running daemon
 * knows and answers (RULES 42).
 */
import { normalizeLogin } from '../core/address.ts';
import { askAndCheck, type AskDaemon } from './daemon.ts';
import { formatColumns } from './format-columns.ts';
import { printJsonList } from './print-json.ts';
import type { CliContext, Verb } from './program.ts';

/** Verbs of the control socket. */
export const LIST_RATES = 'rates';
export const RESET_RATES = 'reset-rates';

interface Amount {
  readonly messages: number;
  readonly recipients: number;
}

/** A row as the daemon sends it. */
interface Row {
  readonly who: string;
  readonly sent: { readonly hour: Amount; readonly day: Amount };
  readonly limits: { readonly hour: Amount; readonly day: Amount };
  readonly suspendedAtMs?: number;
}

interface Scene {
  readonly context: CliContext;
  readonly ask: AskDaemon;
}

const HEAD = [
  'LOGIN OR DOMAIN',
  'MESSAGES/HOUR',
  'RECIPIENTS/HOUR',
  'MESSAGES/DAY',
  'RECIPIENTS/DAY',
  'SUSPENDED SINCE',
];

export function rateVerb(ask: AskDaemon): Verb {
  return (program, context) => {
    const family = program.command('rate').description('how much logins and domains send');
    const scene = { context, ask };
    family
      .command('list')
      .description('who sent how much, of which limit')
      .argument('[who]', 'a login, or @domain: only this one')
      .option('--json', 'as JSON')
      .action((who: string | undefined, options: { json?: true }) => list(scene, who, options.json === true));
    family
      .command('reset')
      .description('forget what a login or a domain sent, and let it send again')
      .argument('<who>', 'a login, @domain, or "all"')
      .action((who: string) => reset(scene, who));
  };
}

async function list({ context, ask }: Scene, who: string | undefined, isJson: boolean): Promise<void> {
  const rows: Row[] = [];
  let offset: unknown = 0;
  while (typeof offset === 'number') {
    const reply = await askAndCheck(context, ask, { verb: LIST_RATES, offset, ...named(who) });
    if (reply === undefined) return;
    const page: unknown = reply['rows'];
    if (Array.isArray(page)) rows.push(...page.filter(isRow));
    offset = reply['next'];
  }
  rows.sort((a, b) => b.sent.day.recipients - a.sent.day.recipients);
  if (isJson) await printJsonList(context.terminal, rows);
  else if (rows.length > 0) context.terminal.out(formatColumns([HEAD, ...rows.map(formatRow)]));
  else context.terminal.err(who === undefined ? 'Nobody sent anything today\n' : `"${who}" sent nothing today\n`);
}

async function reset({ context, ask }: Scene, who: string): Promise<void> {
  const reply = await askAndCheck(context, ask, { verb: RESET_RATES, ...named(who) });
  if (reply === undefined) return;
  const count = Number(reply['reset']);
  if (count > 0) context.terminal.out(who === 'all' ? `Reset ${count}\n` : `Reset ${who}\n`);
  else context.terminal.err(who === 'all' ? 'Nobody sent anything\n' : `"${who}" sent nothing\n`);
}

/** A login as it is counted; a domain and "all" stand as they are. */
function named(who: string | undefined): { who?: string } {
  if (who === undefined) return {};
  return { who: who.startsWith('@') ? who.toLowerCase() : normalizeLogin(who) };
}

function isRow(value: unknown): value is Row {
  return typeof value === 'object' && value !== null && 'who' in value && 'sent' in value && 'limits' in value;
}

function formatRow({ who, sent, limits, suspendedAtMs }: Row): string[] {
  return [
    who,
    showCount(sent.hour.messages, limits.hour.messages),
    showCount(sent.hour.recipients, limits.hour.recipients),
    showCount(sent.day.messages, limits.day.messages),
    showCount(sent.day.recipients, limits.day.recipients),
    suspendedAtMs === undefined ? '-' : new Date(suspendedAtMs).toISOString(),
  ];
}

function showCount(count: number, limit: number): string {
  return limit === 0 ? String(count) : `${count} of ${limit}`;
}
