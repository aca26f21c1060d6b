/**
 * The port through which a good login changes what is stored: the time an app password was last used, and a hash that is
 * made anew. Both are told and forgotten: a login never waits for them and never fails by them.
 */

export interface AccountUpdates {
  usedAppPassword(use: {
    readonly id: number;
    /** Milliseconds since 1970. */
    readonly at: number;
    readonly remoteAddress: string;
    readonly service: string;
  }): void;
  /** Puts `to` in the place of `from`, if the account still has exactly that. */
  replaceHash(change: { readonly user: string; readonly from: string; readonly to: string }): void;
}

/** Nothing is changed. */
export const NO_UPDATES: AccountUpdates = { usedAppPassword: () => undefined, replaceHash: () => undefined };
