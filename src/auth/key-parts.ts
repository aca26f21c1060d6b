/**
 * Keys of caches, made of named parts: an answer must never serve a question that differs in anything the answer depends
 * on. (Dovecot 2.4.0 mixed users up by keys that left something out, CVE-2025-30189.)
 */
import { expandVariables, type Variables } from '../core/variables.ts';

/** Joins parts so that no others give the same text: lengths keep them apart whatever they hold. */
export function joinParts(parts: readonly string[]): string {
  let text = '';
  for (const part of parts) text += `${part.length}:${part}`;
  return text;
}

/** The values of variables by their names; throws SyntaxError for a name without a value. */
export function listValues(names: readonly string[], variables: Variables): string[] {
  return names.map((name) => expandVariables(`%{${name}}`, variables));
}
