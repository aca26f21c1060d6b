/**
 * What is done about quota warnings: for each root its lines (`quota-warner.ts`), and where one is crossed a line in the
 * log, a notice, and the command of the warning.
 */
import { domainOf } from '../core/address.ts';
import type { Clock } from '../core/clock.ts';
import type { Logger } from '../core/logger.ts';
import { formatQuotaWarning, type QuotaWarning } from '../core/quota-warning.ts';
import { expandVariables } from '../core/variables.ts';
import type { MailUser } from './mail-user.ts';
import type { NoticeKind } from './notice-words.ts';
import type { NoticeValues } from './notice-text.ts';
import type { QuotaRoot } from './quota-limits.ts';
import type { SeenUsage } from './quota-meter.ts';
import { QuotaWarner, type UsageReport } from './quota-warner.ts';

export interface QuotaWatchOptions {
  readonly roots: readonly (Pick<QuotaRoot, 'name' | 'scope'> & { readonly warnings: readonly QuotaWarning[] })[];
  /** Sends a notice to an address; undefined to send none. */
  readonly notify?: ((kind: NoticeKind, to: string, values: NoticeValues) => void) | undefined;
  /** Runs a program with its arguments. */
  readonly run: (command: readonly string[]) => void;
  readonly hostname: string;
  /** For the numbers in notices. */
  readonly language: string;
  readonly clock: Clock;
  readonly logger: Logger;
}

const SIZE_UNITS = ['KB', 'MB', 'GB', 'TB', 'PB'];
const SIZE_STEP = 1024;

export class QuotaWatch {
  readonly #options: QuotaWatchOptions;
  /** By the name of the root; roots without warnings have none. */
  readonly #warners: ReadonlyMap<string, QuotaWarner>;

  constructor(options: QuotaWatchOptions) {
    this.#options = options;
    const watched = options.roots.filter(({ warnings }) => warnings.length > 0);
    this.#warners = new Map(watched.map((root) => [root.name, this.#createWarner(root)]));
  }

  /** Whether any root has a warning. */
  get isNeeded(): boolean {
    return this.#warners.size > 0;
  }

  /** Takes what an account holds in a root. */
  observe(root: Pick<QuotaRoot, 'name'>, user: MailUser, { isOwnNotice, bytes, messages, limits }: SeenUsage): void {
    this.#warners.get(root.name)?.observe(user, { bytes, messages, limits }, { isSilent: isOwnNotice });
  }

  #createWarner({ name, scope, warnings }: QuotaWatchOptions['roots'][number]): QuotaWarner {
    return new QuotaWarner({
      warnings,
      clock: this.#options.clock,
      ...(scope === 'domain' ? { keyOf: ({ address }: MailUser) => domainOf(address) } : {}),
      act: (user, warning, report) => this.#act({ name, scope }, { user, warning, report }),
    });
  }

  #act(
    { name, scope }: Pick<QuotaRoot, 'name' | 'scope'>,
    { user, warning, report }: { user: MailUser; warning: QuotaWarning; report: UsageReport },
  ): void {
    const { logger, notify, run, hostname, language } = this.#options;
    const { address } = user;
    const { bytes, messages } = report;
    const line = formatQuotaWarning({ ...warning, command: [] });
    const whose = scope === 'domain' ? { domain: domainOf(address) } : { user: address };
    logger.info('quota.warning', { ...whose, root: name, warning: line, bytes, messages });
    const values = { hostname, ...describeUsage(report, { resource: warning.resource, language }) };
    if (scope === 'domain') {
      const domain = domainOf(address);
      const kind = warning.direction === 'over' ? 'domain-quota-warning' : 'domain-quota-room';
      notify?.(kind, `postmaster@${domain}`, { domain, ...values });
    } else
      notify?.(warning.direction === 'over' ? 'quota-warning' : 'quota-room', address, { user: address, ...values });
    if (warning.command.length > 0) run(warning.command.map((word) => expandVariables(word, { user: address })));
  }
}

/** The values of a notice: how full, in numbers for people. */
function describeUsage(
  { bytes, messages, limits }: UsageReport,
  { resource, language }: { readonly resource: QuotaWarning['resource']; readonly language: string },
): NoticeValues {
  const { storageBytes = 0, messages: messagesLimit = 0 } = limits;
  const [used, limit] = resource === 'storage' ? [bytes, storageBytes] : [messages, messagesLimit];
  const format = resource === 'storage' ? formatBytes : formatCount;
  return {
    percent: limit > 0 ? formatCount(Math.floor((100 * used) / limit), language) : '?',
    used: format(used, language),
    limit: limit > 0 ? format(limit, language) : '?',
    messages: formatCount(messages, language),
    messages_limit: messagesLimit > 0 ? formatCount(messagesLimit, language) : '?',
  };
}

function formatCount(value: number, language: string): string {
  return new Intl.NumberFormat(language, { maximumFractionDigits: 1 }).format(value);
}

/** At least kilobytes: of 1024 bytes, as mail programs count. */
function formatBytes(bytes: number, language: string): string {
  let value = bytes / SIZE_STEP;
  let unit = 0;
  for (; value >= SIZE_STEP && unit < SIZE_UNITS.length - 1; unit += 1) value /= SIZE_STEP;
  return `${formatCount(value, language)} ${SIZE_UNITS[unit]}`;
}
