/**
 * What the drivers of `sql` ask of a database, whatever its kind. Every question has its answer within 3 s, lists but for
 * those of names; none of them throws, and none blocks the event loop. The engine logs when the database goes and comes
 * back, once each; what is wrong with a single query is logged by whoever asks it.
 */

export interface SqlQuestion {
  /** With a `?` for each parameter. */
  readonly sql: string;
  readonly parameters: readonly string[];
}

/** Rows as text; NULL stays null. */
export interface SqlRows {
  readonly columns: readonly string[];
  readonly rows: readonly (readonly (string | null)[])[];
}

export type SqlAnswer<T> =
  | { readonly kind: 'answered'; readonly value: T }
  /** `scope`: whether the whole database is gone, or this query is wrong. */
  | { readonly kind: 'failed'; readonly reason: string; readonly scope: 'database' | 'query' };

export interface SqlEngine {
  /** The first rows of a query, two at most: the second says that there are several. */
  find(question: SqlQuestion): Promise<SqlAnswer<SqlRows>>;
  /** Domains of the users a query lists. */
  listDomains(question: SqlQuestion): Promise<SqlAnswer<readonly string[]>>;
  /** Users a query lists, by the columns `user`, or `username` and `domain`. Takes up to half a minute. */
  listNames(question: SqlQuestion): Promise<SqlAnswer<readonly string[]>>;
  /** The columns of a query, without running it. */
  describe(question: SqlQuestion): Promise<SqlAnswer<readonly string[]>>;
  close(): void;
}
