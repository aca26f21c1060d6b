/**
 * What the stored passwords of all passdbs are worth: counted by scheme, the weak named, and which mechanisms they can
 * serve. Sentences for an administrator; no password is shown and none is compared.
 */
import type { ListedPassword } from '../auth/passdb.ts';
import type { HashFacts } from '../auth/schemes/hash-facts.ts';

/** One passdb as a survey sees it. */
export interface SurveyedPassdb {
  readonly name: string;
  /** A database of ours, whose hashes are replaced by `upgrade_scheme`. */
  readonly isOurs: boolean;
  /** Its passwords are those of people who log in: it is neither for masters nor for denying. */
  readonly isForLogins: boolean;
  /** Mechanisms it is asked for, in lower case; empty for all. */
  readonly mechanisms: readonly string[];
  /** Undefined when it has no list of its users. */
  readonly list: (() => AsyncIterable<ListedPassword>) | undefined;
}

export interface Survey {
  /** What there is. */
  readonly counts: readonly string[];
  /** What should be better. */
  readonly warnings: readonly string[];
  /** What keeps somebody from logging in. */
  readonly faults: readonly string[];
}

/** What a hash is filed under: two hashes of one scheme can be differently weak. */
interface SchemeCount {
  readonly scheme: string;
  readonly weakness: string | undefined;
  count: number;
}

/** Mechanisms that need a password stored so that they can be served. */
const PROVING: readonly string[] = ['cram-md5', 'digest-md5', 'scram-sha-1', 'scram-sha-256'];

export interface SurveyOptions {
  readonly passdbs: readonly SurveyedPassdb[];
  /** The mechanisms of the configuration, in lower case. */
  readonly mechanisms: readonly string[];
  readonly upgradesSchemes: boolean;
  readonly describeHash: (stored: string) => HashFacts | undefined;
}

/** Reads every password that can be listed; throws when a list cannot be read to its end. */
export async function surveyPasswords(options: SurveyOptions): Promise<Survey> {
  const { passdbs, mechanisms, describeHash } = options;
  const served = new Set<string>();
  const survey = { counts: new Array<string>(), warnings: new Array<string>(), faults: new Array<string>() };
  let hasUsers = false;
  for (const passdb of passdbs) {
    if (passdb.list === undefined) continue;
    const { schemes, unusable, proofs, total } = await countPasswords(passdb.list(), describeHash);
    survey.counts.push(...describeCounts(passdb, schemes));
    survey.warnings.push(...describeWeak(passdb, schemes, options));
    survey.faults.push(...describeUnusable(passdb, unusable));
    if (!passdb.isForLogins) continue;
    hasUsers ||= total > 0;
    for (const proof of proofs) if (isAskedFor(passdb, proof)) served.add(proof);
  }
  // Where somebody may be who is in no list, nobody knows.
  const isUnknown = (mechanism: string): boolean =>
    passdbs.some((passdb) => passdb.isForLogins && passdb.list === undefined && isAskedFor(passdb, mechanism));
  const unserved = PROVING.filter((name) => mechanisms.includes(name) && !served.has(name) && !isUnknown(name));
  if (hasUsers) survey.warnings.push(...unserved.map(describeUnserved));
  return survey;
}

interface Counts {
  readonly schemes: readonly SchemeCount[];
  /** Users whose password nothing matches. */
  readonly unusable: { count: number; first: string };
  readonly proofs: ReadonlySet<string>;
  readonly total: number;
}

async function countPasswords(
  list: AsyncIterable<ListedPassword>,
  describeHash: SurveyOptions['describeHash'],
): Promise<Counts> {
  const schemes = new Map<string, SchemeCount>();
  const unusable = { count: 0, first: '' };
  const proofs = new Set<string>();
  let total = 0;
  for await (const { user, password } of list) {
    total += 1;
    if (password === undefined) continue;
    const facts = describeHash(password);
    if (facts === undefined) {
      unusable.first = unusable.count === 0 ? user : unusable.first;
      unusable.count += 1;
    } else if (!facts.isLocked) {
      const { scheme, weakness } = facts;
      const key = `${scheme} ${weakness ?? ''}`;
      const known = schemes.get(key) ?? { scheme, weakness, count: 0 };
      schemes.set(key, known);
      known.count += 1;
      for (const proof of facts.proofs) proofs.add(proof.toLowerCase());
    }
  }
  return { schemes: [...schemes.values()].toSorted((a, b) => b.count - a.count), unusable, proofs, total };
}

function isAskedFor({ mechanisms }: SurveyedPassdb, mechanism: string): boolean {
  return mechanisms.length === 0 || mechanisms.includes(mechanism);
}

function describeCounts({ name }: SurveyedPassdb, schemes: readonly SchemeCount[]): string[] {
  if (schemes.length === 0) return [];
  const sums = new Map<string, number>();
  for (const { scheme, count } of schemes) sums.set(scheme, (sums.get(scheme) ?? 0) + count);
  return [`[passdb ${name}] passwords: ${[...sums].map(([scheme, count]) => `${count} ${scheme}`).join(', ')}`];
}

function describeWeak(
  { name, isOurs }: SurveyedPassdb,
  schemes: readonly SchemeCount[],
  { upgradesSchemes }: SurveyOptions,
): string[] {
  const remedy = !isOurs
    ? 'give them new ones'
    : upgradesSchemes
      ? 'each is replaced at its next login'
      : '[auth] upgrade_scheme = yes replaces each at its next login';
  return schemes.flatMap(({ scheme, weakness, count }) =>
    weakness === undefined ? [] : [`[passdb ${name}] ${count} weak passwords of ${scheme} (${weakness}): ${remedy}`],
  );
}

function describeUnusable({ name }: SurveyedPassdb, { count, first }: Counts['unusable']): string[] {
  if (count === 0) return [];
  const who = count === 1 ? JSON.stringify(first) : `${count} users, such as ${JSON.stringify(first)}`;
  return [`[passdb ${name}] ${who}: no password can match: the scheme is unknown, or the hash malformed`];
}

function describeUnserved(mechanism: string): string {
  const name = mechanism.toUpperCase();
  return `[auth] mechanisms: ${mechanism} can serve nobody: no password is stored as {PLAIN} or {${name}}`;
}
