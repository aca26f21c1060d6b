/**
 * Reads an INI file into sections of keys and texts with the `ini` package, after `ini-lines.ts` has refused what it
 * would misread. Everything stays text, in the order of the file. Duplicates are faults here.
 */
import { parse } from 'ini';
import type { ConfigFault } from '../core/errors.ts';
import { readIniLines, type IniLine } from './ini-lines.ts';

export interface IniEntry {
  readonly text: string;
  readonly line: number;
}

export interface IniSection {
  /** As written between the brackets: `sasl`, `passdb local`. */
  readonly name: string;
  readonly line: number;
  readonly entries: ReadonlyMap<string, IniEntry>;
}

export interface IniFile {
  readonly sections: readonly IniSection[];
  readonly faults: readonly ConfigFault[];
}

interface OpenSection {
  readonly name: string;
  readonly line: number;
  readonly lines: Map<string, number>;
}

/** Reads `text`; `file` only names it in faults. Never throws. */
export function readIni(text: string, file: string): IniFile {
  const reading = new IniReading(file);
  for (const line of readIniLines(text)) reading.add(line);
  return { sections: reading.parseSections(), faults: reading.faults };
}

/** The pass over the lines of one file. */
class IniReading {
  readonly faults: ConfigFault[] = [];
  readonly #file: string;
  readonly #sections = new Map<string, OpenSection>();
  /** What `ini` is given: each value in JSON quotes, the one form that it reads without surprises. */
  readonly #canonical: string[] = [];
  /** Undefined before the first section and below a broken one, whose keys nobody can judge. */
  #current: OpenSection | undefined;
  #isBelowBroken = false;

  constructor(file: string) {
    this.#file = file;
  }

  add(line: IniLine): void {
    switch (line.kind) {
      case 'section':
        return this.#addSection(line.name, line.line);
      case 'entry':
        return this.#addEntry(line);
      case 'fault':
        return this.#addFault({ line: line.line, key: line.key, reason: line.reason });
      case 'broken-section':
        this.#breakSection();
        return this.#addFault({ line: line.line, reason: line.reason });
    }
  }

  parseSections(): IniSection[] {
    const parsed: Record<string, unknown> = parse(this.#canonical.join('\n'));
    return [...this.#sections.values()].map(({ name, line, lines }) => {
      const section = parsed[name];
      const entries = new Map<string, IniEntry>();
      if (typeof section !== 'object' || section === null) return { name, line, entries };
      // ini makes true, false and null of these words even in quotes; their text is the same.
      for (const [key, value] of Object.entries(section)) {
        entries.set(key, { text: String(value), line: lines.get(key) ?? line });
      }
      return { name, line, entries };
    });
  }

  #addSection(name: string, line: number): void {
    const first = this.#sections.get(name);
    if (first !== undefined) {
      this.#breakSection();
      return this.#addFault({
        line,
        section: name,
        reason: `Cannot use the section twice: it stands in line ${first.line} already`,
      });
    }
    this.#current = { name, line, lines: new Map() };
    this.#isBelowBroken = false;
    this.#sections.set(name, this.#current);
    this.#canonical.push(`[${name}]`);
  }

  #addEntry({ key, text, line }: { key: string; text: string; line: number }): void {
    const section = this.#current;
    if (section === undefined) {
      if (!this.#isBelowBroken) this.#addFault({ line, key, reason: 'Cannot use a key before the first [section]' });
      return;
    }
    const first = section.lines.get(key);
    if (first !== undefined) {
      this.#addFault({ line, key, reason: `Cannot use the key twice: it stands in line ${first} already` });
      return;
    }
    section.lines.set(key, line);
    this.#canonical.push(`${key}=${JSON.stringify(text)}`);
  }

  #breakSection(): void {
    this.#current = undefined;
    this.#isBelowBroken = true;
  }

  #addFault(fault: { line: number; section?: string; key?: string | undefined; reason: string }): void {
    this.faults.push({ file: this.#file, section: this.#current?.name, ...fault });
  }
}
