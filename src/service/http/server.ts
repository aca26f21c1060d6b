/**
 * The HTTP server: fastify's router in front of a few pages, with a limit on everything a client can send. It does
 * not listen: sockets come from `net/Listener` through `accept`. What the pages say is not known here.
 */
import { createServer, type IncomingMessage, type Server } from 'node:http';
import type { Socket } from 'node:net';
import fastify, { type FastifyInstance, type FastifyReply, type FastifyRequest } from 'fastify';
import { errorCode } from '../../core/errors.ts';
import { MAX_AUTODISCOVER_REQUEST_BYTES } from '../../protocol/autodiscover-xml.ts';
import { formatRawReply, makeReply, type HttpOutcome } from './reply.ts';
import type { HttpSession } from './session.ts';

/** What a page gets of a request. */
export interface PageRequest {
  readonly message: IncomingMessage;
  /** What stands after the question mark. */
  readonly query: string;
  readonly body: string;
}

/** A page: where it is, how it may be asked for, and what it answers. */
export interface Page {
  readonly name: string;
  readonly path: string;
  readonly method: 'GET' | 'POST';
  readonly answer: (request: PageRequest) => Promise<HttpOutcome>;
}

/** One answer, for the log; `page` is undefined where there is none. */
export interface Answered {
  readonly page: Page | undefined;
  readonly message: IncomingMessage;
  readonly outcome: HttpOutcome;
  readonly status: number;
  readonly elapsedMs: number;
  /** What a page threw, if it did. */
  readonly fault?: unknown;
}

export interface HttpServerOptions {
  readonly pages: readonly Page[];
  readonly onAnswered: (answered: Answered) => void;
}

const MAX_HEADER_BYTES = 8192;
/** Addresses are short; this leaves room for one in percent notation. */
const MAX_URL_CHARS = 2048;
const MAX_REQUESTS_PER_CONNECTION = 1000;
/** Silence between two requests: less than the session's limit of one exchange, by the time an answer may take. */
const KEEP_ALIVE_MS = 15_000;
/** Listing what a page allows is easier to read than fastify's table of methods. */
const OTHER_METHODS = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'] as const;

export class HttpServer {
  readonly #options: HttpServerOptions;
  readonly #server: Server;
  readonly #app: FastifyInstance;
  readonly #sessions = new WeakMap<Socket, HttpSession>();

  constructor(options: HttpServerOptions) {
    this.#options = options;
    const app = fastify({
      logger: false,
      bodyLimit: MAX_AUTODISCOVER_REQUEST_BYTES,
      routerOptions: { caseSensitive: false },
      exposeHeadRoutes: false,
      serverFactory: (handler) =>
        createServer({ maxHeaderSize: MAX_HEADER_BYTES, keepAliveTimeout: KEEP_ALIVE_MS }, handler),
      clientErrorHandler: (error, socket) => {
        if (socket.writable) socket.write(formatRawReply({ kind: isOverflow(error) ? 'too-large' : 'bad-request' }));
        socket.destroy();
      },
      frameworkErrors: (_error, request, reply) => {
        // oxlint-disable-next-line typescript/no-floating-promises -- a reply is thenable; fastify waits for it
        this.#send({ request, reply, page: undefined, outcome: { kind: 'bad-request' } });
      },
    });
    this.#app = app;
    this.#server = app.server;
    this.#server.maxRequestsPerSocket = MAX_REQUESTS_PER_CONNECTION;
    this.#server.on('request', (message, response) => this.#sessions.get(message.socket)?.begin(response));
    this.#addHandlers();
  }

  /** Makes ready to serve; nothing is listened on. */
  async start(): Promise<void> {
    await this.#app.ready();
  }

  /** Takes a connection. */
  accept(session: HttpSession): void {
    const { socket } = session.connection;
    this.#sessions.set(socket, session);
    this.#server.emit('connection', socket);
  }

  async stop(): Promise<void> {
    await this.#app.close();
  }

  #addHandlers(): void {
    const app = this.#app;
    app.removeAllContentTypeParsers();
    app.addContentTypeParser('*', { parseAs: 'buffer' }, (_request, body, done) => done(null, body));
    app.addHook('onRequest', async (request, reply) => {
      // Clients name their XML in many ways, or not at all, and fastify refuses what is no media type. The codec judges.
      delete request.raw.headers['content-type'];
      const isOverloaded = this.#sessions.get(request.raw.socket)?.connection.isOverloaded === true;
      const isLong = request.raw.url !== undefined && request.raw.url.length > MAX_URL_CHARS;
      if (!isOverloaded && !isLong) return undefined;
      reply.header('connection', 'close');
      return this.#send({
        request,
        reply,
        page: undefined,
        outcome: { kind: isOverloaded ? 'unavailable' : 'too-large' },
      });
    });
    app.setNotFoundHandler((request, reply) =>
      this.#send({ request, reply, page: undefined, outcome: { kind: 'absent' } }),
    );
    app.setErrorHandler((error, request, reply) => void this.#sendError(error, { request, reply, page: undefined }));
    for (const page of this.#options.pages) this.#addPage(page);
  }

  #addPage(page: Page): void {
    const methods = page.method === 'GET' ? ['GET', 'HEAD'] : [page.method];
    const others = OTHER_METHODS.filter((method) => !methods.includes(method));
    this.#app.route({
      url: page.path,
      method: methods,
      handler: async (request, reply) => this.#answer(page, { request, reply }),
      errorHandler: (error, request, reply) => void this.#sendError(error, { request, reply, page }),
    });
    this.#app.route({
      url: page.path,
      method: others,
      handler: async (request, reply) =>
        this.#send({ request, reply, page, outcome: { kind: 'wrong-method', allow: methods.join(', ') } }),
    });
  }

  async #answer(page: Page, { request, reply }: Exchange): Promise<FastifyReply> {
    const { url = '' } = request.raw;
    const mark = url.indexOf('?');
    const query = mark === -1 ? '' : url.slice(mark + 1);
    const body = Buffer.isBuffer(request.body) ? request.body.toString('utf8') : '';
    const outcome = await page.answer({ message: request.raw, query, body });
    return this.#send({ request, reply, page, outcome });
  }

  /** A body that is too large, malformed or broken off is the client's fault; anything else is ours, and passes (STYLE 4.3). */
  #sendError(error: unknown, exchange: Exchange & { page: Page | undefined }): FastifyReply {
    const code = errorCode(error);
    if (code === 'FST_ERR_CTP_BODY_TOO_LARGE') return this.#send({ ...exchange, outcome: { kind: 'too-large' } });
    const isBrokenOff = exchange.request.raw.errored === error;
    if (isBrokenOff || code?.startsWith('FST_') === true)
      return this.#send({ ...exchange, outcome: { kind: 'bad-request' } });
    return this.#send({ ...exchange, outcome: { kind: 'unavailable' }, fault: error });
  }

  #send(sent: Exchange & { page: Page | undefined; outcome: HttpOutcome; fault?: unknown }): FastifyReply {
    const { request, reply, page, outcome, fault } = sent;
    const { status, headers, body } = makeReply(outcome);
    this.#options.onAnswered({ page, message: request.raw, outcome, status, elapsedMs: reply.elapsedTime, fault });
    return reply.code(status).headers(headers).send(body);
  }
}

interface Exchange {
  readonly request: FastifyRequest;
  readonly reply: FastifyReply;
}

function isOverflow(error: Error): boolean {
  return errorCode(error) === 'HPE_HEADER_OVERFLOW';
}
