/**
 * Fields whose values hold variables, made into fields for one user. Most are expanded at once. `mail` still waits for
 * the home, so it is expanded a second time when mail comes (as Dovecot does); `quota_rule` is never expanded (RULES 44).
 */
import type { Fields, FieldTemplate } from './fields.ts';
import { parseTemplate, type TemplatePart } from './template.ts';
import { expandPart, expandTemplate, type Variables } from './variables.ts';

const DEFERRED = /^(?:userdb_)?(?:mail|mail_location)(?::|$)/;
const LITERAL = /^(?:userdb_)?quota\d*_rule\d*(?::|$)/;

/** Expands the value of one field; throws SyntaxError for a variable that is unknown or has no value here. */
export function expandField({ name, value }: FieldTemplate, variables: Variables): string {
  if (LITERAL.test(name) || !value.includes('%')) return value;
  const template = parseTemplate(value);
  if (!DEFERRED.test(name)) return expandTemplate(template, variables);
  return template.map((part) => expandDeferred(part, variables)).join('');
}

/** Expands fields in their order; throws SyntaxError as `expandField` does. */
export function expandFields(templates: readonly FieldTemplate[], variables: Variables): Fields {
  return new Map(templates.map((template) => [template.name, expandField(template, variables)]));
}

/** Leaves the home to the second time, and lets nothing of a name be taken for a variable then. */
function expandDeferred(part: TemplatePart, variables: Variables): string {
  if (part.kind === 'text') return part.text;
  const { expression } = part;
  if (expression.kind === 'variable' && expression.name === 'home' && variables.home === undefined) return part.source;
  return expandPart(part, variables, (value) => value.replaceAll('%', '%%'));
}
