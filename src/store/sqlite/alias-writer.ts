/**
 * Changes to aliases. An alias never shares its address with an account, and mail for it never runs in a circle.
 */
import { domainOf, parseDomain } from '../../core/address.ts';
import type { AdminOutcome, AliasAdmin, AliasRecord } from '../../directory/admin.ts';
import {
  checkRoute,
  Refused,
  requireAddress,
  requireAddresses,
  requireFree,
  requireHoldingDomain,
  transact,
  type WriterContext,
} from './transaction.ts';

/** Postfix expands no further (`virtual_alias_expansion_limit`). */
const MAX_TARGETS = 1000;

interface AliasRow {
  readonly address: string;
  readonly created_at: number;
}

export class AliasWriter implements AliasAdmin {
  readonly #context: WriterContext;

  constructor(context: WriterContext) {
    this.#context = context;
  }

  add(
    text: string,
    options: { readonly targets: readonly string[]; readonly sendAs: boolean; readonly replace: boolean },
  ): Promise<AdminOutcome> {
    return transact(this.#context, async () => {
      const address = requireAddress(text);
      const targets = requireAddresses(options.targets, MAX_TARGETS);
      if (targets.length === 0) throw new Refused('bad-value', 'An alias needs a target');
      requireHoldingDomain(this.#context, domainOf(address));
      if (options.replace) this.#delete(address);
      requireFree(this.#context, address);
      insertAlias(this.#context, { address, targets, sendAs: options.sendAs });
      return checkRoute(this.#context, address);
    });
  }

  remove(text: string): Promise<AdminOutcome> {
    return transact(this.#context, async () => {
      const address = requireAddress(text);
      if (this.#delete(address) === 0) throw new Refused('missing', `There is no alias ${address}`);
      return [];
    });
  }

  list(domain?: string): AliasRecord[] {
    const { database, queries } = this.#context;
    const name = domain === undefined ? undefined : (parseDomain(domain) ?? '');
    const rows =
      name === undefined
        ? database.prepare<[], AliasRow>('SELECT address, created_at FROM alias ORDER BY address').all()
        : database
            .prepare<[string], AliasRow>('SELECT address, created_at FROM alias WHERE domain = ? ORDER BY address')
            .all(name);
    return rows.flatMap((row) => {
      const alias = queries.findAlias(row.address);
      return alias === undefined ? [] : [{ ...alias, createdAt: row.created_at }];
    });
  }

  #delete(address: string): number {
    return this.#context.database.prepare('DELETE FROM alias WHERE address = ?').run(address).changes;
  }
}

/** Writes an alias that was checked. */
export function insertAlias(
  { database, clock }: WriterContext,
  alias: { readonly address: string; readonly targets: readonly string[]; readonly sendAs: boolean },
): void {
  const { address, targets, sendAs } = alias;
  database
    .prepare('INSERT INTO alias (address, domain, send_as, created_at) VALUES (?, ?, ?, ?)')
    .run(address, domainOf(address), sendAs ? 1 : 0, clock.now());
  const insert = database.prepare('INSERT INTO alias_target (alias, position, target) VALUES (?, ?, ?)');
  for (const [position, target] of targets.entries()) insert.run(address, position, target);
}
