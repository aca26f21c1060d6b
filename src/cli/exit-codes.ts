/**
 * What the command says to a shell and to Postfix's pipe(8): the codes of sysexits(3), and nothing else. `deliver`
 * has rules of its own on top (RULES 9).
 */

export const EXIT = {
  ok: 0,
  /** EX_USAGE: wrong arguments. */
  usage: 64,
  /** EX_DATAERR: the arguments are well-formed and their content is wrong. */
  dataError: 65,
  /** EX_NOUSER: no such account, domain, alias or user. */
  noUser: 67,
  /** EX_SOFTWARE: a fault of Postern itself. */
  software: 70,
  /** EX_CANTCREAT: it is there already, or something stands in its way. */
  cannotCreate: 73,
  /** EX_TEMPFAIL: could not tell or could not do it now; try again. */
  temporary: 75,
  /** EX_NOPERM: refused by a rule. */
  refused: 77,
  /** EX_CONFIG: the configuration is wrong or missing. */
  configuration: 78,
} as const;

/** One of the codes of EXIT. */
export type ExitCode = (typeof EXIT)[keyof typeof EXIT];
