/**
 * What is written of penalties and known networks, so that they outlive the process (`core/record-store.ts`). Only what delays somebody
 * is, and where users are known: a name that failed once may be a password typed into the wrong field, and is not.
 *
 * Names stand there as they are. A keyed hash would hide them from nobody, since the key and the database with every
 * account lie beside the file under the same mode, and it would keep `postern auth penalties` from naming anybody.
 */

/** What a level belongs to. */
export const PENALTY_KINDS = ['network', 'site', 'user', 'pair'] as const;
export type PenaltyKind = (typeof PENALTY_KINDS)[number];

/** A level as it was when it last changed; times are milliseconds since 1970, here and below. */
export interface LevelRecord {
  readonly kind: PenaltyKind;
  readonly key: string;
  readonly level: number;
  readonly changedAt: number;
  readonly lastFailureAt: number;
}

/** A network in which a user logged in. */
export interface KnownRecord {
  readonly kind: 'known';
  readonly user: string;
  readonly site: string;
  readonly until: number;
}

export type PenaltyRecord = LevelRecord | KnownRecord;
