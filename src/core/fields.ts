/**
 * Fields of a passdb or userdb entry by name, as a driver gives them: text, already expanded, a bare word with an empty
 * value. What they mean is decided in `auth/passdb-fields.ts` and `directory/userdb-fields.ts`. facts: Dovecot's extra
 * fields.
 */

export type Fields = ReadonlyMap<string, string>;

export const NO_FIELDS: Fields = new Map();
