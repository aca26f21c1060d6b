/** The name a driver looks up: what its section's `username_format` makes of the name it is asked for. */
import { parseTemplate, type Template } from '../core/template.ts';
import { expandTemplate, type Variables } from '../core/variables.ts';

/** The whole name, as it comes. */
const WHOLE = '%u';

export class NameKey {
  readonly #template: Template | undefined;

  /** `format` is a template, checked when the configuration was read. */
  constructor(format: string) {
    this.#template = format === WHOLE ? undefined : parseTemplate(format);
  }

  /** The name to look up; throws SyntaxError when a condition in the format compares what is no number. */
  of(variables: Variables): string {
    return this.#template === undefined ? variables.user : expandTemplate(this.#template, variables);
  }
}
