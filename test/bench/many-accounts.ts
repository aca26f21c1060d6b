/**
 * A database with as many accounts as wanted, in seconds: one account made by the program is copied, with other names. The
 * rows are those the program would write, in an order in which it could have.
 */
import Database from 'better-sqlite3';

/** Adds accounts `many0`, `many1`… in the domain of `like`, each with a login name and a home of its own. */
export function multiplyAccounts(
  path: string,
  { like, count }: { readonly like: string; readonly count: number },
): void {
  const database = new Database(path);
  try {
    const columns = database.prepare<[], string>("SELECT name FROM pragma_table_info('account')").pluck().all();
    const own = new Set(['id', 'address', 'home']);
    const shared = columns.filter((column) => !own.has(column)).join(', ');
    const local = like.slice(0, like.indexOf('@'));
    const numbers = 'WITH RECURSIVE number (n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM number WHERE n + 1 < @count)';
    database.transaction(() => {
      database
        .prepare(
          `${numbers} INSERT INTO account (address, home, ${shared})
           SELECT replace(address, @local || '@', 'many' || n || '@'), replace(home, '/' || @local, '/many' || n), ${shared}
           FROM account, number WHERE address = @like`,
        )
        .run({ count, local, like });
      database
        .prepare('INSERT INTO login_name (name, account_id) SELECT address, id FROM account WHERE address <> ?')
        .run(like);
    })();
  } finally {
    database.close();
  }
}
