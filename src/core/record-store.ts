/** The port to where counters of the daemon outlive the process: records of one kind, saved and loaded as a whole. */

export interface RecordStore<T> {
  /** Hands over every record that was saved; false when nothing was ever saved. Rejects for what cannot be read. */
  load(take: (record: T) => void): Promise<boolean>;
  /** Replaces what was saved, all or nothing. `records` is read piece by piece while it goes on changing. */
  save(records: Iterable<T>): Promise<void>;
}
