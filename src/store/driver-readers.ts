/**
 * What a driver is given to make of the fields it found. What they mean is decided in `auth/` and `directory/`, for every
 * driver alike; `app-users.ts` plugs those in, because a store knows the ports alone.
 */
import type { PassdbReading } from '../auth/passdb-fields.ts';
import type { Fields } from '../core/fields.ts';
import type { UserdbReading, UserdbSource } from '../directory/userdb-fields.ts';

export interface StoredLogin {
  /** The name that was looked up. */
  readonly user: string;
  /** With `password` or `password_noscheme`, if there is one. */
  readonly fields: Fields;
  /** Scheme of a password that names none. */
  readonly defaultScheme: string;
}

export interface DriverReaders {
  readonly readLogin: (stored: StoredLogin) => PassdbReading;
  readonly readAccount: (stored: UserdbSource) => UserdbReading;
}
