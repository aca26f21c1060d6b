/**
 * smtp-server 3.21.6, mended where its options cannot (RULES 25). This is the one file that knows its insides; a new
 * version is taken only after reading it again and running the LMTP tests. What is mended, and may go once fixed there:
 *
 * - 100 ms pass before the greeting: `init` greets at once;
 * - enhanced status codes are doubled when the text brings its own: `send`;
 * - a dot after a bare LF is dropped from messages: `StrictStream`;
 * - quoted local parts, `a..b@`, underscores in domains are refused with 501, which bounces: `_parseAddressCommand`;
 * - XFORWARD HELO=[UNAVAILABLE] makes the next MAIL 503, its values live on into the next transaction: here they are
 *   kept for one transaction and change nothing of the connection;
 * - an idle connection gets 421, which a peer takes for the reply to its next command: it is closed without words;
 * - RSET and LHLO call no handler: `_resetSession` does;
 * - `close()` of the server leaves idle connections: `drain` ends them between transactions;
 * - an Error without `responseCode` becomes 550: handlers give replies, and whatever they throw becomes "later".
 */
/* oxlint-disable no-underscore-dangle -- the names are smtp-server's */
import type { Socket } from 'node:net';
import { SMTPServer, type SMTPServerAddress, type SMTPServerDataStream, type SMTPServerSession } from 'smtp-server';
import { SMTPConnection } from 'smtp-server/lib/smtp-connection.js';
import { SMTPStream } from 'smtp-server/lib/smtp-stream.js';
import { parsePathCommand } from './command.ts';
import { DataTerminator } from './data-terminator.ts';
import { TROUBLE, type Reply } from './reply.ts';

/** What MAIL says, once its syntax was found right. */
export interface MailCommand {
  /** Path without brackets; empty for `<>`. */
  readonly sender: string;
  readonly sizeBytes: number;
  readonly isUtf8: boolean;
  readonly peerName: string;
  /** Attributes of XFORWARD for this transaction, by upper-case name. */
  readonly forwarded: ReadonlyMap<string, string>;
}

/** The session behind a connection. A rejected promise becomes a reply that says "later" (RULES 5). */
export interface LmtpHandlers {
  /** Returns a reply to refuse with, or undefined. */
  onMail(command: MailCommand): Reply | undefined;
  onRecipient(path: string): Promise<Reply | undefined>;
  /** Reads the message to its end and returns one reply for each RCPT answered 250 (RULES 1). */
  onData(body: AsyncIterable<Buffer>): Promise<readonly Reply[]>;
  /** The transaction is over, however it ended. */
  onReset(): void;
  onFault(error: unknown): void;
}

export interface LmtpServerOptions {
  readonly hostname: string;
  readonly maxMessageBytes: number;
  readonly idleMs: number;
}

/** Longer than any command with an address Postfix sends; RFC 5321 asks for 512. */
const MAX_COMMAND_BYTES = 8192;
/** Longer attributes say nothing more. */
const MAX_FORWARDED_CHARS = 255;
const ACCEPTED = 250;
const UNAVAILABLE = '[UNAVAILABLE]';
const ENHANCED = /^[245]\.\d{1,3}\.\d{1,3} /;
const FORWARDED = /^([A-Z]{1,16})=(\S*)$/i;
const DISABLED = ['AUTH', 'STARTTLS', 'WIZ', 'SHELL', 'KILL', 'XCLIENT', 'HELP'];

type Done = (error?: Error | null) => void;
type DataDone = (error?: Error | null, results?: (string | Error)[]) => void;
type ParsedAddress = ReturnType<SMTPConnection['_parseAddressCommand']>;

export class LmtpServer extends SMTPServer {
  readonly #connections = new WeakMap<SMTPServerSession, LmtpConnection>();

  constructor(options: LmtpServerOptions) {
    super({
      lmtp: true,
      name: options.hostname,
      banner: 'Postern',
      heloResponse: '%s',
      size: options.maxMessageBytes,
      socketTimeout: options.idleMs,
      disabledCommands: DISABLED,
      disableReverseLookup: true,
      authOptional: true,
      hideDSN: true,
      hideENHANCEDSTATUSCODES: false,
      logger: false,
    });
    // Peers that vanish in a transaction; without a listener the error would end the process.
    this.on('error', () => undefined);
  }

  /** Serves an accepted socket; the server itself never listens. */
  serve(socket: Socket, handlers: LmtpHandlers): LmtpConnection {
    const connection = new LmtpConnection(this, socket, handlers);
    this.#connections.set(connection.session, connection);
    this.connections.add(connection);
    connection.on('error', (error) => this.emit('error', error));
    connection.init();
    return connection;
  }

  override onConnect(_session: SMTPServerSession, callback: Done): void {
    callback();
  }

  override onMailFrom(address: SMTPServerAddress, session: SMTPServerSession, callback: Done): void {
    const reply = this.#connections.get(session)?.handleMail(address);
    callback(reply === undefined ? null : toError(reply));
  }

  override onRcptTo(address: SMTPServerAddress, session: SMTPServerSession, callback: Done): void {
    const deciding = this.#connections.get(session)?.handleRecipient(address);
    void settle(deciding, TROUBLE, (reply) => callback(reply === undefined ? null : toError(reply)));
  }

  override onData(stream: SMTPServerDataStream, session: SMTPServerSession, callback: DataDone): void {
    const receiving = this.#connections.get(session)?.handleData(stream);
    void settle(receiving, [], (replies) => callback(null, replies.map(toResult)));
  }
}

export class LmtpConnection extends SMTPConnection {
  readonly #handlers: LmtpHandlers;
  #isDraining = false;
  #isCorked = false;

  constructor(server: LmtpServer, socket: Socket, handlers: LmtpHandlers) {
    super(server, socket);
    this.#handlers = handlers;
  }

  /** Ends the connection at once if no transaction is open, else right after it. */
  drain(): void {
    this.#isDraining = true;
    this.#closeIfDrained();
  }

  handleMail(address: SMTPServerAddress): Reply | undefined {
    const parameters = new Map(Object.entries(address.args === false ? {} : address.args));
    const forwarded = [...this._xForward].map(([name, value]) => [name, String(value)] as const);
    try {
      return this.#handlers.onMail({
        sender: address.address,
        sizeBytes: Number(parameters.get('SIZE') ?? 0),
        isUtf8: parameters.get('SMTPUTF8') === true,
        peerName: this.hostNameAppearsAs === false ? '' : this.hostNameAppearsAs,
        forwarded: new Map(forwarded),
      });
    } catch (error) {
      this.#handlers.onFault(error);
      return TROUBLE;
    }
  }

  async handleRecipient(address: SMTPServerAddress): Promise<Reply | undefined> {
    try {
      return await this.#handlers.onRecipient(address.address);
    } catch (error) {
      this.#handlers.onFault(error);
      return TROUBLE;
    }
  }

  async handleData(body: AsyncIterable<Buffer>): Promise<readonly Reply[]> {
    try {
      return await this.#handlers.onData(body);
    } catch (error) {
      // Nobody knows how many replies are owed; silence defers them all.
      this.#handlers.onFault(error);
      this._socket.destroy();
      return [];
    }
  }

  override init(): void {
    this._setListeners(() => this.connectionReady());
  }

  override _createParser(): SMTPStream {
    const parser = new StrictStream({ maxCommandLength: MAX_COMMAND_BYTES });
    parser.oncommand = (command, callback) => this._onCommand(command, callback);
    parser.on('error', () => this.send(421, '4.7.0 Command line is too long'));
    return parser;
  }

  /** Replies of one turn leave in one packet; a text with an enhanced code gets no second one. */
  override send(code: number, text?: string | string[] | null, context?: string | false): void {
    if (!this.#isCorked && !this._socket.destroyed) {
      this.#isCorked = true;
      this._socket.cork();
      setImmediate(() => {
        this.#isCorked = false;
        this._socket.uncork();
      });
    }
    super.send(code, text, typeof text === 'string' && ENHANCED.test(text) ? false : context);
  }

  override _onCommand(command: Buffer, callback?: () => void): void {
    // Only QUIT is still answered; a new transaction belongs to the next process.
    if (this.#isDraining && this.#isIdle() && !/^quit\b/i.test(command.toString('latin1'))) this.close();
    else super._onCommand(command, callback);
  }

  override _onTimeout(): void {
    const isMessageIn = Boolean(this._dataStream) && this._parser !== false && !this._parser._dataMode;
    if ((this._handlerPending || isMessageIn) && !this._closing) this._armTimeout();
    else this._socket.destroy();
  }

  override _resetSession(): void {
    super._resetSession();
    this._xForward.clear();
    this.#handlers.onReset();
    if (this.#isDraining) setImmediate(() => this.#closeIfDrained());
  }

  /** Whoever may connect at all is Postfix: the socket's mode or `allow_nets` has seen to that. */
  override _proxyCommandAllowed(command: string): boolean {
    return command === 'XFORWARD';
  }

  override _parseAddressCommand(name: string, command: Buffer | string): ParsedAddress {
    const text = command.toString();
    const parsed = parsePathCommand(name === 'mail from' ? 'FROM' : 'TO', text.slice(text.indexOf(' ') + 1));
    if (parsed === undefined) return false;
    const { path, parameters, duplicate } = parsed;
    return { address: path, args: Object.fromEntries(parameters), ...(duplicate === undefined ? {} : { duplicate }) };
  }

  override handler_XFORWARD(command: Buffer, callback: () => void): void {
    if (this.session.envelope.mailFrom !== false) this.send(503, '5.5.1 Mail transaction in progress');
    else {
      for (const word of command.toString().split(/\s+/).slice(1)) {
        const [, name = '', value = ''] = FORWARDED.exec(word) ?? [];
        if (value === '' || value.toUpperCase() === UNAVAILABLE) this._xForward.delete(name.toUpperCase());
        else this._xForward.set(name.toUpperCase(), decodeForwarded(value));
      }
      this.send(250, '2.0.0 OK');
    }
    callback();
  }

  #isIdle(): boolean {
    const isBusy = this._handlerPending || Boolean(this._dataStream);
    return !isBusy && this.session.envelope.mailFrom === false;
  }

  #closeIfDrained(): void {
    if (this.#isIdle()) this.close();
  }
}

/** The parser of commands and messages, with another idea of where a message ends. */
class StrictStream extends SMTPStream {
  #terminator = new DataTerminator();

  override startDataMode(maxBytes?: number | string | null): SMTPServerDataStream {
    this.#terminator = new DataTerminator();
    return super.startDataMode(maxBytes);
  }

  override _feedDataStream(chunk: Buffer, done: Done): void {
    const { content, rest } = this.#terminator.take(chunk);
    this._countDataBytes(content.length);
    if (rest !== undefined) {
      this._endDataMode(content, rest, done);
      return;
    }
    const stream = this._dataStream;
    if (stream === null || content.length === 0 || !stream.writable || stream.write(content) || stream.destroyed) {
      done();
      return;
    }
    const resume = (): void => {
      stream.off('drain', resume).off('close', resume);
      done();
    };
    stream.on('drain', resume).on('close', resume);
  }
}

/** xtext of RFC 3461, cut, and without what could forge a line in the log. */
function decodeForwarded(value: string): string {
  const decoded = value.replaceAll(/\+([0-9A-F]{2})/g, (_, hex: string) =>
    String.fromCharCode(Number.parseInt(hex, 16)),
  );
  return decoded.replaceAll(/[^\u0020-\u007E]/g, '?').slice(0, MAX_FORWARDED_CHARS);
}

/** Hands what `work` resolves with, or `other` when there is none, to code that speaks in callbacks. */
async function settle<T>(work: Promise<T> | undefined, other: T, done: (value: T) => void): Promise<void> {
  done(work === undefined ? other : await work);
}

function toError(reply: Reply): Error {
  return Object.assign(new Error(reply.text), { responseCode: reply.code });
}

function toResult(reply: Reply): string | Error {
  return reply.code === ACCEPTED ? reply.text : toError(reply);
}
