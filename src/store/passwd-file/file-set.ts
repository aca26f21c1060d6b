/**
 * The passwd-file of a section, or its passwd-files: with variables in the path (`/etc/users.%d`) there is one for each
 * expansion, read when somebody is first asked for there, and the least recently used given up past a limit. A name
 * that makes no safe path has no file (RULES 14), and so does not exist.
 */
import { ABSENT, type Lookup } from '../../core/outcome.ts';
import { listNames, parseTemplate, type Template } from '../../core/template.ts';
import { expandPath, expandVariables } from '../../core/variables.ts';
import { PasswdFile, type PasswdContent, type PasswdFileOptions } from './passwd-file.ts';

/** A thousand domains, each with a file of its own. */
const MAX_FILES = 1000;

const DOMAIN_VARIABLES: ReadonlySet<string> = new Set(['domain', 'domain_first', 'domain_last']);

export class PasswdFileSet {
  /** The one file, when the path has no variables. */
  readonly fixed: PasswdFile | undefined;
  /** The files are one for each domain. */
  readonly isByDomain: boolean;
  readonly #options: PasswdFileOptions;
  readonly #template: Template;
  /** By path; the most recently used last. */
  readonly #files = new Map<string, PasswdFile>();

  /** `path` may hold variables. */
  constructor(options: PasswdFileOptions) {
    this.#options = options;
    this.#template = parseTemplate(options.path);
    const names = [...listNames(this.#template)];
    this.isByDomain = names.length > 0 && names.every((name) => DOMAIN_VARIABLES.has(name));
    if (names.length > 0) return;
    this.fixed = new PasswdFile({ ...options, path: expandVariables(options.path, { user: '' }) });
  }

  /** Those that were read, for a reload and for what is wrong with them. */
  get files(): readonly PasswdFile[] {
    return this.fixed === undefined ? [...this.#files.values()] : [this.fixed];
  }

  /** Asks the file that a user would be in. */
  async ask<T>(user: string, question: (content: PasswdContent) => T | undefined): Promise<Lookup<T>> {
    if (this.fixed !== undefined) return this.fixed.ask(question);
    const file = this.#fileOf(user);
    if (file === undefined) return ABSENT;
    const answer = await file.ask(question);
    // Names that anybody may think up leave nothing behind.
    if (!file.isLoaded && answer.kind === 'absent') this.#files.delete(file.path);
    return answer;
  }

  #fileOf(user: string): PasswdFile | undefined {
    const path = this.#pathOf(user);
    if (path === undefined) return undefined;
    const file = this.#files.get(path) ?? new PasswdFile({ ...this.#options, path, isOptional: true });
    this.#files.delete(path);
    this.#files.set(path, file);
    const [eldest] = this.#files.keys();
    if (this.#files.size > MAX_FILES && eldest !== undefined) this.#files.delete(eldest);
    return file;
  }

  #pathOf(user: string): string | undefined {
    try {
      return expandPath(this.#template, { user });
    } catch (error) {
      if (error instanceof RangeError) return undefined;
      throw error;
    }
  }
}
