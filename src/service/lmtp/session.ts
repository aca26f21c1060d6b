/**
 * One LMTP connection: makes a transaction at MAIL, fills it at RCPT, has it delivered at DATA, forgets it at every
 * reset. Decisions are made in `recipient.ts` and in the mail store, words in `reply.ts`; here they meet the log.
 */
import { quotePeerText } from '../../core/printable.ts';
import type { Logger } from '../../core/logger.ts';
import type { DeferReason, DeliveryOutcome } from '../../mail/outcome.ts';
import type { Connection, Session } from '../../net/connection.ts';
import type { LmtpCounters } from './counters.ts';
import { decideRecipient, type AcceptedRecipient, type RecipientPorts } from './recipient.ts';
import { formatOutcome, formatRejection, TOO_MANY_RECIPIENTS, TROUBLE, type Reply } from './reply.ts';
import type { LmtpConnection, LmtpHandlers, LmtpServer, MailCommand } from './smtp-server-overrides.ts';
import { Transaction, type RecipientResult, type TransactionOptions } from './transaction.ts';

export interface SessionOptions {
  readonly server: LmtpServer;
  readonly recipients: RecipientPorts;
  readonly transaction: TransactionOptions;
  readonly maxRecipients: number;
  /** What the sender reads when a mailbox is full. */
  readonly exceededMessage: string;
  readonly isProbeSender: (sender: string) => boolean;
  /** A message reached the account: what was reserved for it before is used up (RULES 26). */
  readonly onDelivered: (account: string, queueId: string | undefined) => void;
  readonly counters: LmtpCounters;
  readonly logger: Logger;
}

/** Postfix's queue ids, short and long. */
const QUEUE_ID = /^[0-9A-Za-z]{1,32}$/;

/** Mail waits until somebody mends the configuration. */
const FOR_THE_ADMINISTRATOR: ReadonlySet<DeferReason> = new Set([
  'alias-fault',
  'alias-remote',
  'location',
  'wrong-owner',
]);

export class LmtpSession implements Session, LmtpHandlers {
  readonly #options: SessionOptions;
  readonly #connection: Connection;
  readonly #smtp: LmtpConnection;
  #transaction: Transaction | undefined;
  #transactionCount = 0;

  constructor(connection: Connection, options: SessionOptions) {
    this.#options = options;
    this.#connection = connection;
    this.#smtp = options.server.serve(connection.socket, this);
  }

  drain(): void {
    this.#smtp.drain();
  }

  onMail(command: MailCommand): Reply | undefined {
    this.#transactionCount += 1;
    const queueId = command.forwarded.get('IDENT') ?? '';
    this.#transaction = new Transaction(
      {
        id: `${this.#connection.id}.${this.#transactionCount}`,
        sender: command.sender,
        isProbe: this.#options.isProbeSender(command.sender),
        sizeBytes: command.sizeBytes,
        isUtf8: command.isUtf8,
        peerName: command.peerName,
        peerAddress: this.#connection.remoteAddress,
        queueId: QUEUE_ID.test(queueId) ? queueId : undefined,
      },
      this.#options.transaction,
    );
    return undefined;
  }

  async onRecipient(path: string): Promise<Reply | undefined> {
    const transaction = this.#transaction;
    if (transaction === undefined) return TROUBLE;
    const { recipients, maxRecipients, exceededMessage, counters } = this.#options;
    if (transaction.recipients.length >= maxRecipients) return TOO_MANY_RECIPIENTS;
    const { isOverloaded } = this.#connection;
    const decision = await decideRecipient(path, { ...transaction.facts, isOverloaded }, recipients);
    if (transaction.facts.isProbe) {
      counters.probes += 1;
      const outcome = decision.kind === 'accepted' ? 'exists' : decision.outcome.reason;
      this.#options.logger.debug('lmtp.probe', { recipient: quotePeerText(path), outcome });
    }
    if (decision.kind === 'accepted') {
      transaction.recipients.push(decision.recipient);
      return undefined;
    }
    this.#log(transaction, path, decision.outcome, { stage: 'rcpt' });
    return formatRejection(path, decision.outcome, exceededMessage);
  }

  async onData(body: AsyncIterable<Buffer>): Promise<readonly Reply[]> {
    const transaction = this.#transaction;
    if (transaction === undefined) throw new TypeError('Cannot receive a message: no transaction');
    const startedAt = Date.now();
    const results = await transaction.receive(body);
    const words = { id: transaction.facts.id, exceeded: this.#options.exceededMessage };
    const isSole = results.length === 1;
    for (const result of results) {
      if (result.outcome.kind === 'delivered') this.#release(result.recipient, transaction.facts.queueId);
      this.#log(transaction, result.recipient.path, result.outcome, {
        size: transaction.receivedBytes,
        ms: Date.now() - startedAt,
        ...(isSole ? {} : { recipients: results.length }),
      });
    }
    return results.map(({ recipient, outcome }: RecipientResult) => formatOutcome(recipient.path, outcome, words));
  }

  onReset(): void {
    this.#transaction = undefined;
  }

  onFault(error: unknown): void {
    this.#options.logger.error('lmtp.fault', { err: error, transaction: this.#transaction?.facts.id });
  }

  #release(recipient: AcceptedRecipient, queueId: string | undefined): void {
    for (const { user } of recipient.mailboxes) this.#options.onDelivered(user.address, queueId);
  }

  /** One line a recipient. Faults of the disk carry their stack; what an outage or a rule decided needs none. */
  #log(
    { facts }: Transaction,
    path: string,
    outcome: DeliveryOutcome,
    fields: Readonly<Record<string, unknown>>,
  ): void {
    const { logger, counters } = this.#options;
    const common = {
      transaction: facts.id,
      queueId: facts.queueId,
      sender: quotePeerText(facts.sender),
      recipient: quotePeerText(path),
      ...fields,
    };
    switch (outcome.kind) {
      case 'delivered':
        counters.delivered += 1;
        if (outcome.isRetry) counters.retries += 1;
        logger.info('lmtp.delivered', {
          ...common,
          mailbox: outcome.directory,
          file: outcome.baseName,
          isRetry: outcome.isRetry,
        });
        return;
      case 'refused':
        counters.refused += 1;
        logger.info('lmtp.refused', { ...common, reason: outcome.reason });
        return;
      case 'deferred': {
        counters.deferred += 1;
        const { reason, detail, cause } = outcome;
        const line = { ...common, reason, detail, ...(cause === undefined ? {} : { err: cause }) };
        if (cause !== undefined || FOR_THE_ADMINISTRATOR.has(reason)) logger.warn('lmtp.deferred', line);
        else logger.info('lmtp.deferred', line);
      }
    }
  }
}
