/**
 * Removed accounts: the row goes, the mail stays, and the address remembers it, so that whoever gets the address
 * next does not read the mail of before by accident (RULES 15).
 */
import type { WriterContext } from './transaction.ts';

/** Deletes an account and remembers where its mail lies. */
export function forgetAccount({ database, clock }: WriterContext, address: string): void {
  database
    .prepare(
      `INSERT OR REPLACE INTO former_account (address, home, removed_at)
       SELECT address, home, ? FROM account WHERE address = ?`,
    )
    .run(clock.now(), address);
  database.prepare('DELETE FROM account WHERE address = ?').run(address);
}

/** The home whose mail an address left behind. */
export function findFormerHome({ database }: WriterContext, address: string): string | undefined {
  return database.prepare<[string], string>('SELECT home FROM former_account WHERE address = ?').pluck().get(address);
}

/** The address is in use again. */
export function clearFormer({ database }: WriterContext, address: string): void {
  database.prepare('DELETE FROM former_account WHERE address = ?').run(address);
}
