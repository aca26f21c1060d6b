/**
 * The tables of the embedded database, as the list of steps that lead to them. Step N takes a file from version
 * N - 1 to N (`PRAGMA user_version`); a step that was released is never edited, a change is a further step.
 * DESIGN 6 says what the tables mean. Every lookup of the daemon is answered by a primary key or an index (RULES 32).
 */

/** `PRAGMA application_id`: "Post". A file with tables and another id is not ours and is not touched. */
export const APPLICATION_ID = 0x50_6f_73_74;

const VERSION_1 = `
CREATE TABLE domain (
  name TEXT NOT NULL PRIMARY KEY,
  -- Another domain this one is only a second name of (RULES 43); it then holds nothing itself.
  stands_for TEXT REFERENCES domain (name),
  -- A list in JSON: one read answers "is it ours, and who takes the rest".
  catch_all TEXT NOT NULL DEFAULT '[]' CHECK (json_valid(catch_all)),
  created_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX domain_stands_for ON domain (stands_for) WHERE stands_for IS NOT NULL;

CREATE TABLE account (
  id INTEGER PRIMARY KEY,
  address TEXT NOT NULL UNIQUE,
  domain TEXT NOT NULL REFERENCES domain (name),
  password TEXT,
  display_name TEXT,
  can_login INTEGER NOT NULL DEFAULT 1 CHECK (can_login IN (0, 1)),
  can_send INTEGER NOT NULL DEFAULT 1 CHECK (can_send IN (0, 1)),
  receive TEXT NOT NULL DEFAULT 'accept' CHECK (receive IN ('accept', 'refuse', 'hold')),
  host TEXT,
  -- Expanded once (RULES 15). Unique: two accounts in one home would read each other's mail.
  home TEXT NOT NULL UNIQUE,
  storage_bytes INTEGER CHECK (storage_bytes > 0),
  messages INTEGER CHECK (messages > 0),
  -- Networks separated by spaces; empty for all.
  allow_nets TEXT NOT NULL DEFAULT '',
  note TEXT,
  created_at INTEGER NOT NULL,
  changed_at INTEGER NOT NULL
) STRICT;
CREATE INDEX account_domain ON account (domain);

CREATE TABLE login_name (
  name TEXT NOT NULL PRIMARY KEY,
  account_id INTEGER NOT NULL REFERENCES account (id) ON DELETE CASCADE
) STRICT, WITHOUT ROWID;
CREATE INDEX login_name_account ON login_name (account_id);

CREATE TABLE alias (
  address TEXT NOT NULL PRIMARY KEY,
  domain TEXT NOT NULL REFERENCES domain (name),
  send_as INTEGER NOT NULL DEFAULT 0 CHECK (send_as IN (0, 1)),
  created_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX alias_domain ON alias (domain);

CREATE TABLE alias_target (
  alias TEXT NOT NULL REFERENCES alias (address) ON DELETE CASCADE,
  position INTEGER NOT NULL,
  target TEXT NOT NULL,
  PRIMARY KEY (alias, position)
) STRICT, WITHOUT ROWID;
CREATE INDEX alias_target_target ON alias_target (target);

CREATE TABLE sender_right (
  -- An address, or \`@domain\` for every address in it.
  sender TEXT NOT NULL,
  account_id INTEGER NOT NULL REFERENCES account (id) ON DELETE CASCADE,
  PRIMARY KEY (sender, account_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX sender_right_account ON sender_right (account_id);

-- Removed accounts whose mail was kept: the address is given out again only on purpose (RULES 15).
CREATE TABLE former_account (
  address TEXT NOT NULL PRIMARY KEY,
  home TEXT NOT NULL,
  removed_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
`;

const VERSION_2 = `
ALTER TABLE domain ADD COLUMN app_passwords_required INTEGER NOT NULL DEFAULT 0 CHECK (app_passwords_required IN (0, 1));
ALTER TABLE account ADD COLUMN app_passwords_required INTEGER NOT NULL DEFAULT 0 CHECK (app_passwords_required IN (0, 1));

CREATE TABLE app_password (
  -- Never given out again: a last use that is written late must not fall on another one.
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  account_id INTEGER NOT NULL REFERENCES account (id) ON DELETE CASCADE,
  label TEXT NOT NULL,
  key BLOB NOT NULL CHECK (length(key) = 32),
  digest BLOB NOT NULL CHECK (length(digest) = 32),
  -- Words separated by spaces, as are the networks; no network is all of them.
  scopes TEXT NOT NULL,
  allow_nets TEXT NOT NULL DEFAULT '',
  expires_at INTEGER,
  created_at INTEGER NOT NULL,
  last_used_at INTEGER,
  last_used_address TEXT,
  last_used_service TEXT,
  UNIQUE (account_id, label)
) STRICT;
`;

/**
 * Rules of `core/quota-rule.ts` as lists of texts in JSON. What an account had as numbers is its rule `*` now; the
 * columns of before stay as they were, so that a daemon that still runs the older program goes on until its restart.
 */
const VERSION_3 = `
-- Of every account in the domain, and of all of them together.
ALTER TABLE domain ADD COLUMN quota_rules TEXT NOT NULL DEFAULT '[]' CHECK (json_valid(quota_rules));
ALTER TABLE domain ADD COLUMN total_quota_rules TEXT NOT NULL DEFAULT '[]' CHECK (json_valid(total_quota_rules));
ALTER TABLE account ADD COLUMN quota_rules TEXT NOT NULL DEFAULT '[]' CHECK (json_valid(quota_rules));
UPDATE account SET quota_rules = json_array(
  '*' || coalesce(':storage=' || storage_bytes || 'B', '') || coalesce(':messages=' || messages, '')
) WHERE storage_bytes IS NOT NULL OR messages IS NOT NULL;
`;

export const MIGRATIONS: readonly string[] = [VERSION_1, VERSION_2, VERSION_3];
