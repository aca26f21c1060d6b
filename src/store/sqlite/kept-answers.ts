/**
 * Answers of the database kept for as long as nobody has committed anything: SQLite's `data_version` says whether
 * another connection did, for a third of what a lookup costs. So a repeated question costs no lookup, and yet no
 * answer outlives the state it was true in. Not a cache with times: there is nothing to tune and nothing goes stale.
 */
import type Database from 'better-sqlite3';
import type { Clock } from '../../core/clock.ts';
import type { Lookup } from '../../core/outcome.ts';

/** A few megabytes a kind; a directory with more names in use at once asks the database more often. */
const MAX_ANSWERS = 20_000;

/** The version of the database as other connections leave it. */
export class DataVersion {
  readonly #statement: Database.Statement<[], number>;
  readonly #clock: Clock;
  #version: number | undefined;
  #token: object = {};
  #readAt = Number.NaN;

  constructor(database: Database.Database, clock: Clock) {
    this.#statement = database.prepare<[], number>('PRAGMA data_version').pluck();
    this.#clock = clock;
  }

  /** Reads it, at most once a millisecond: questions that come together are answered from one state. */
  read(): number | undefined {
    const now = this.#clock.now();
    if (now === this.#readAt) return this.#version;
    const version = this.#statement.get();
    if (version !== this.#version) this.#token = {};
    this.#version = version;
    this.#readAt = now;
    return this.#version;
  }

  /** A value that is the same as before only if the version is. */
  readToken(): object {
    this.read();
    return this.#token;
  }
}

/** The answers to one kind of question in one version of the database. */
export class KeptAnswers<T> {
  readonly #answers = new Map<string, Lookup<T>>();
  #version: number | undefined;

  /** The answer for `key`; `ask` is called when none is kept, and nothing is kept when it throws. */
  get(key: string, version: number | undefined, ask: () => Lookup<T>): Lookup<T> {
    if (version !== this.#version || this.#answers.size >= MAX_ANSWERS) {
      this.#answers.clear();
      this.#version = version;
    }
    const kept = this.#answers.get(key);
    if (kept !== undefined) return kept;
    const answer = ask();
    if (answer.kind !== 'unavailable') this.#answers.set(key, answer);
    return answer;
  }
}
