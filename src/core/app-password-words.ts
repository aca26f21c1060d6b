/** What app passwords may be for, and how many an account has: known to the login code, the stores and the command. */

export const APP_PASSWORD_SCOPES = ['smtp', 'imap', 'pop3', 'sieve'] as const;

export type AppPasswordScope = (typeof APP_PASSWORD_SCOPES)[number];

/** More programs than anybody sets up; each costs one digest at every login that types a token. */
export const MAX_APP_PASSWORDS = 50;
