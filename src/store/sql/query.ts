/**
 * One query of a section: its statement, the engine it asks, and what it says about itself in the log. A query that cannot
 * be used makes every lookup wait, as a database that is gone does; which of the two it is stands in the log once.
 */
import { describeError } from '../../core/errors.ts';
import type { Fields } from '../../core/fields.ts';
import type { Logger } from '../../core/logger.ts';
import { ABSENT, found, unavailable, type Lookup } from '../../core/outcome.ts';
import type { Variables } from '../../core/variables.ts';
import type { SqlAnswer, SqlEngine, SqlQuestion, SqlRows } from './engine.ts';
import { expandParameters, parseStatement, type Statement } from './statement.ts';

export interface SqlQueryOptions {
  readonly engine: SqlEngine;
  /** Key of the configuration. */
  readonly key: string;
  readonly text: string;
  /** Columns of which it needs one; empty when any will do. */
  readonly needs: readonly string[];
  /** Knows its section. */
  readonly logger: Logger;
}

/** What a query that lists users has no name for. */
const NOBODY: Variables = { user: '' };

export class SqlQuery {
  readonly #options: SqlQueryOptions;
  readonly #statement: Statement | string;
  /** Why it cannot be used; undefined while it can. */
  #fault: string | undefined;

  constructor(options: SqlQueryOptions) {
    this.#options = options;
    this.#statement = parse(options.text);
  }

  /** The one row as fields, NULL left out; several rows are an outage, because any of them may be the wrong one. */
  async findFields(variables: Variables): Promise<Lookup<Fields>> {
    const answer = await this.#ask((question) => this.#options.engine.find(question), variables);
    if (answer.kind === 'failed') return unavailable(answer.reason);
    const [row, second] = answer.value.rows;
    if (second !== undefined) return unavailable(this.#fail('several rows where there must be one'));
    this.#recover();
    return row === undefined ? ABSENT : found(toFields(answer.value, row));
  }

  /** Whether there is a row at all. */
  async hasRow(variables: Variables): Promise<Lookup<true>> {
    const answer = await this.#ask((question) => this.#options.engine.find(question), variables);
    if (answer.kind === 'failed') return unavailable(answer.reason);
    this.#recover();
    return answer.value.rows.length === 0 ? ABSENT : found(true);
  }

  listDomains(): Promise<Lookup<readonly string[]>> {
    return this.#list((question) => this.#options.engine.listDomains(question));
  }

  listNames(): Promise<Lookup<readonly string[]>> {
    return this.#list((question) => this.#options.engine.listNames(question));
  }

  /** What is wrong with it, in a sentence for an administrator. */
  async examine(): Promise<string | undefined> {
    const { engine, key, needs } = this.#options;
    if (typeof this.#statement === 'string') return `${key}: ${this.#statement}`;
    const answer = await engine.describe({ sql: this.#statement.sql, parameters: [] });
    if (answer.kind === 'failed') return answer.scope === 'query' ? `${key}: ${answer.reason}` : answer.reason;
    if (needs.length === 0 || needs.some((name) => answer.value.includes(name))) return undefined;
    return `${key}: no column ${needs.join(' or ')}`;
  }

  async #list(
    ask: (question: SqlQuestion) => Promise<SqlAnswer<readonly string[]>>,
  ): Promise<Lookup<readonly string[]>> {
    const answer = await this.#ask(ask, NOBODY);
    if (answer.kind === 'failed') return unavailable(answer.reason);
    this.#recover();
    return found(answer.value);
  }

  async #ask<T>(ask: (question: SqlQuestion) => Promise<SqlAnswer<T>>, variables: Variables): Promise<SqlAnswer<T>> {
    const statement = this.#statement;
    if (typeof statement === 'string') return { kind: 'failed', reason: this.#fail(statement), scope: 'query' };
    let parameters: string[];
    try {
      parameters = expandParameters(statement, variables);
    } catch (error) {
      return { kind: 'failed', reason: this.#fail(describeError(error)), scope: 'query' };
    }
    const answer = await ask({ sql: statement.sql, parameters });
    if (answer.kind === 'failed' && answer.scope === 'query') this.#fail(answer.reason);
    return answer;
  }

  #fail(reason: string): string {
    const { key, logger } = this.#options;
    if (this.#fault !== reason) logger.error('store.fault', { query: key, reason }, `Lookups wait: ${key}: ${reason}`);
    this.#fault = reason;
    return reason;
  }

  #recover(): void {
    if (this.#fault === undefined) return;
    this.#fault = undefined;
    this.#options.logger.info('store.opened', { query: this.#options.key });
  }
}

function parse(text: string): Statement | string {
  try {
    return parseStatement(text);
  } catch (error) {
    return describeError(error);
  }
}

function toFields({ columns }: SqlRows, row: readonly (string | null)[]): Fields {
  const fields = new Map<string, string>();
  for (const [i, name] of columns.entries()) {
    const value = row[i];
    if (value !== null && value !== undefined) fields.set(name, value);
  }
  return fields;
}
