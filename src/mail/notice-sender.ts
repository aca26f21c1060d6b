/**
 * Puts notices of our own into mailboxes: one after the other, past every quota, and never in anybody's way. One that
 * cannot be stored is said in the log and not tried again; a flood of them is cut off.
 */
import type { Clock } from '../core/clock.ts';
import { domainOf } from '../core/address.ts';
import { settleWithin } from '../core/deadline.ts';
import { describeError } from '../core/errors.ts';
import type { Logger } from '../core/logger.ts';
import type { MailStore } from './mail-store.ts';
import type { MailUser } from './mail-user.ts';
import type { NoticeTemplates } from './notice-templates.ts';
import type { NoticeKind } from './notice-words.ts';
import { formatNotice, type NoticeValues } from './notice-text.ts';

export interface NoticeSenderOptions {
  readonly templates: NoticeTemplates;
  readonly hostname: string;
  /** The accounts that mail for an address is kept for here; empty when there are none. */
  readonly findUsers: (address: string) => Promise<readonly MailUser[]>;
  readonly store: Pick<MailStore, 'locate' | 'deliver'>;
  readonly clock: Clock;
  readonly logger: Logger;
}

const MAX_WAITING = 1000;
const STOP_WAIT_MS = 5000;

export class NoticeSender {
  readonly #options: NoticeSenderOptions;
  #last: Promise<void> = Promise.resolve();
  #waiting = 0;
  #count = 0;
  #isStopped = false;

  constructor(options: NoticeSenderOptions) {
    this.#options = options;
  }

  /** Sends a notice to whoever reads mail for an address. Never throws. */
  send(kind: NoticeKind, to: string, values: NoticeValues): void {
    if (this.#isStopped) return;
    const { logger } = this.#options;
    if (this.#waiting >= MAX_WAITING) {
      logger.warn('notice.undelivered', { kind, to, reason: 'too many notices wait' });
      return;
    }
    this.#waiting += 1;
    this.#last = this.#sendAfter(this.#last, () => this.#deliver(kind, to, values)).catch((error: unknown) => {
      logger.warn('notice.undelivered', { kind, to, reason: describeError(error) });
    });
  }

  async #sendAfter(last: Promise<void>, deliver: () => Promise<void>): Promise<void> {
    await last;
    this.#waiting -= 1;
    await deliver();
  }

  /** Sends what waits, as far as the disk is quick about it. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    await settleWithin(this.#last, STOP_WAIT_MS, () => undefined);
  }

  async #deliver(kind: NoticeKind, to: string, values: NoticeValues): Promise<void> {
    const { store, logger, findUsers } = this.#options;
    const located = (await findUsers(to)).map((user) => store.locate(user, undefined));
    const mailboxes = located.flatMap((one) => (one.kind === 'mailbox' ? [one.mailbox] : []));
    if (mailboxes.length === 0) {
      logger.warn('notice.undelivered', { kind, to, reason: 'nobody here reads mail for this address' });
      return;
    }
    const header = Buffer.from(`Return-Path: <>\nDelivered-To: ${to}\n`);
    const delivery = store.deliver({ sender: '', header, isNotice: true }, mailboxes);
    await delivery.write(this.#format(kind, to, values));
    for (const outcome of await delivery.finish()) {
      if (outcome.kind === 'delivered') logger.info('notice.delivered', { kind, to });
      else {
        const detail = outcome.kind === 'deferred' ? outcome.detail : undefined;
        logger.warn('notice.undelivered', { kind, to, reason: detail ?? outcome.reason });
      }
    }
  }

  #format(kind: NoticeKind, to: string, values: NoticeValues): Buffer {
    const { templates, hostname, clock } = this.#options;
    const atMs = clock.now();
    this.#count += 1;
    const id = `${atMs}.${process.pid}.${this.#count}.postern`;
    return formatNotice(templates[kind], values, { to, from: `postmaster@${domainOf(to)}`, hostname, id, atMs });
  }
}
