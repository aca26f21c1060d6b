/** One accepted connection, before any protocol is spoken on it. */
import type { Socket } from 'node:net';
import type { Endpoint } from '../core/endpoint.ts';

export interface Connection {
  /** Short, unique in this process's life; every log line of the session carries it. */
  readonly id: string;
  readonly socket: Socket;
  readonly endpoint: Endpoint;
  /** Peer address; empty for unix sockets. */
  readonly remoteAddress: string;
  /**
   * This connection is one too many, now: say "later" in the protocol's own words, never by a refusal (RULES 19). Postfix
   * keeps connections for minutes, so it ends as soon as others have gone; read it for each request.
   */
  readonly isOverloaded: boolean;
}

/** What a service gives back for a connection, so that a stop can end it politely. */
export interface Session {
  /** Asks the session to end at its next safe point: between two requests, after a reply in work. */
  drain(): void;
}
