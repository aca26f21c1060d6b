/**
 * The options of `account add` and `account set` that say what an account may do, as commander reads them and as
 * the directory takes them. An empty text takes a value away; `none` takes a limit away.
 */
import { InvalidArgumentError, Option, type Command } from 'commander';
import { network } from '../config/mail-readers.ts';
import { readText } from '../config/reader.ts';
import { describeError } from '../core/errors.ts';
import { MAX_QUOTA_RULES, parseQuotaRule, type QuotaRule } from '../core/quota-rule.ts';
import { parseSize } from '../core/size.ts';
import type { AccountSettings } from '../directory/admin.ts';
import type { Receive } from '../directory/source.ts';

export interface AccountOptions {
  readonly login?: 'yes' | 'no';
  readonly send?: 'yes' | 'no';
  readonly receive?: Receive;
  readonly quota?: readonly QuotaRule[];
  /** 0 is none. */
  readonly quotaStorage?: number;
  readonly quotaMessages?: number;
  readonly displayName?: string;
  readonly allowNets?: readonly string[];
  readonly home?: string;
  readonly host?: string;
  readonly note?: string;
  readonly loginNames?: readonly string[];
  readonly senders?: readonly string[];
  readonly appPasswords?: Requirement;
}

/** Whether logins take app passwords only. */
export type Requirement = 'required' | 'optional';

/** The word of a list that holds sessions without an address, as in Dovecot. */
const LOCAL = 'local';

/** The option that accounts and domains have in common. */
export function createRequirementOption(): Option {
  return new Option('--app-passwords <answer>', 'whether only app passwords log in, or the main one as well').choices([
    'required',
    'optional',
  ]);
}

/** Adds the options to a verb. */
export function addAccountOptions(command: Command): Command {
  return command
    .addOption(new Option('--login <answer>', 'may log in').choices(['yes', 'no']))
    .addOption(new Option('--send <answer>', 'may send').choices(['yes', 'no']))
    .addOption(
      new Option('--receive <how>', 'take mail, refuse it for good, or hold it back').choices([
        'accept',
        'refuse',
        'hold',
      ]),
    )
    .option(
      '--quota <rule>',
      'its own rules in place of those it has, such as *:storage=5G or Trash:storage=+10%; once for each, empty for none',
      collectRule,
    )
    .option('--quota-storage <size>', 'limit such as 500M or 1G, or none', parseLimit)
    .option('--quota-messages <count>', 'limit of messages, or none', parseLimit)
    .option('--display-name <text>', 'name of the person')
    .option('--allow-nets <list>', 'networks it may log in from; empty for all', parseNets)
    .option('--home <path>', 'home directory in place of the one [mail] home makes')
    .option('--host <name>', 'another host that holds the mailbox')
    .option('--note <text>', 'for administrators')
    .option('--login-names <list>', 'all names it logs in with, in place of the address', splitList)
    .option('--senders <list>', 'addresses and @domains it may send as besides its own', splitList)
    .addOption(createRequirementOption());
}

/** What the options ask to be changed. */
export function readAccountSettings(options: AccountOptions): AccountSettings {
  const { receive, quota, quotaStorage, quotaMessages, allowNets, home, loginNames, senders } = options;
  return {
    canLogin: readAnswer(options.login),
    canSend: readAnswer(options.send),
    receive,
    quotaRules: quota,
    storageBytes: zeroToNull(quotaStorage),
    messages: zeroToNull(quotaMessages),
    displayName: emptyToNull(options.displayName),
    host: emptyToNull(options.host),
    note: emptyToNull(options.note),
    allowNets,
    home,
    loginNames,
    senders,
    appPasswordsRequired: readRequirement(options.appPasswords),
  };
}

/** What the option of `createRequirementOption` asks for. */
export function readRequirement(answer: Requirement | undefined): boolean | undefined {
  return answer === undefined ? undefined : answer === 'required';
}

/** Splits a list at commas and white space. */
export function splitList(text: string): string[] {
  return text.split(/[\s,]+/).filter((item) => item !== '');
}

/** Gathers the rules of an option that is given once for each; an empty text is no rule. */
export function collectRule(text: string, earlier: readonly QuotaRule[] = []): readonly QuotaRule[] {
  if (text === '') return earlier;
  if (earlier.length >= MAX_QUOTA_RULES) throw new InvalidArgumentError(`At most ${MAX_QUOTA_RULES} rules`);
  try {
    return [...earlier, parseQuotaRule(text)];
  } catch (error) {
    throw new InvalidArgumentError(describeError(error));
  }
}

/** Commander takes null for a failed parser, so "none" stays 0 until it is read. */
function parseLimit(text: string): number {
  if (text === 'none') return 0;
  try {
    return parseSize(text);
  } catch (error) {
    throw new InvalidArgumentError(describeError(error));
  }
}

/** Reads networks as commander's options give them. */
export function parseNets(text: string): string[] {
  return splitList(text).map((item) => {
    if (item === LOCAL) return item;
    const reading = readText(network, item);
    if (reading.kind === 'fault') throw new InvalidArgumentError(reading.reason);
    return reading.value;
  });
}

function readAnswer(answer: 'yes' | 'no' | undefined): boolean | undefined {
  return answer === undefined ? undefined : answer === 'yes';
}

function zeroToNull(limit: number | undefined): number | null | undefined {
  return limit === 0 ? null : limit;
}

function emptyToNull(text: string | undefined): string | null | undefined {
  return text === '' ? null : text;
}
