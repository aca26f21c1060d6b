/** The part of `app.ts` that builds what sends notices, and what watches quotas to have a reason. */
import type { Config } from './config/load-config.ts';
import { systemClock } from './core/clock.ts';
import type { Logger } from './core/logger.ts';
import type { Directory } from './directory/directory.ts';
import type { MailStore } from './mail/mail-store.ts';
import type { MailUser } from './mail/mail-user.ts';
import { NoticeSender } from './mail/notice-sender.ts';
import { loadNotices, type LoadedNotices } from './mail/notice-templates.ts';
import type { QuotaMeterOptions } from './mail/quota-meter.ts';
import { QuotaWatch } from './mail/quota-watch.ts';
import { CommandRunner } from './net/command-runner.ts';

export interface Notices {
  readonly sender: NoticeSender;
  /** For the quota meter. */
  readonly onUsage: NonNullable<QuotaMeterOptions['onUsage']> | undefined;
  stop(): Promise<void>;
}

export interface NoticeParts {
  readonly logger: Logger;
  readonly directory: Directory;
  /** Where notices are put; it is made after us, since its quotas are watched by us. */
  readonly store: () => MailStore;
}

export function createNotices(config: Config, { logger, directory, store }: NoticeParts): Notices {
  const { templates, faults } = readNotices(config);
  for (const fault of faults) logger.warn('notice.fault', { fault }, 'Cannot use a notice; the built-in one goes out');
  const { hostname } = config.postern;
  const sender = new NoticeSender({
    templates,
    hostname,
    findUsers: (address) => findUsers(directory, address),
    store: { locate: (...args) => store().locate(...args), deliver: (...args) => store().deliver(...args) },
    clock: systemClock,
    logger,
  });
  const commands = new CommandRunner({ logger });
  const watch = new QuotaWatch({
    roots: config.quotaRoots,
    notify: config.quota.warningMail ? sender.send.bind(sender) : undefined,
    run: commands.run.bind(commands),
    hostname,
    language: config.mail.noticeLanguage,
    clock: systemClock,
    logger,
  });
  return {
    sender,
    onUsage: watch.isNeeded ? watch.observe.bind(watch) : undefined,
    stop: async () => {
      commands.stop();
      await sender.stop();
    },
  };
}

/** The texts of the configuration, and what is wrong with them. */
export function readNotices({ mail }: Config): LoadedNotices {
  return loadNotices(mail.noticeFolder, mail.noticeLanguage);
}

/** The accounts here that mail for an address goes to. */
async function findUsers(directory: Directory, address: string): Promise<readonly MailUser[]> {
  const resolved = await directory.resolve(address);
  if (resolved.kind === 'unavailable') throw new Error(resolved.reason);
  if (resolved.kind === 'absent') return [];
  return resolved.value.targets.flatMap((target) =>
    target.kind === 'account' && target.account.host === undefined ? [target.account] : [],
  );
}
