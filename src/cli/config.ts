/** `postern config`: the settings as they take effect, those that differ from the defaults, or the defaults. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { writeReference, writeSample } from '../config/documents.ts';
import { listSettings, type ShownSection } from '../config/list-settings.ts';
import { findNearest } from '../config/did-you-mean.ts';
import { formatIni } from '../config/write-ini.ts';
import { EXIT } from './exit-codes.ts';
import type { CliContext, Verb } from './program.ts';

interface ConfigOptions {
  readonly nonDefault?: true;
  readonly defaults?: true;
  readonly json?: true;
  readonly writeDocs?: string;
}

export const configVerb: Verb = (program, context) => {
  program
    .command('config')
    .description('show the settings as they take effect')
    .argument('[section]', 'only this section, such as sasl, passdb or "passdb local"')
    .option('-n, --non-default', 'only settings that differ from their default')
    .option('-d, --defaults', 'the defaults, without reading a file')
    .option('--json', 'as JSON')
    .option('--write-docs <dir>', 'write the sample configuration and the list of settings into a directory')
    .action((section: string | undefined, options: ConfigOptions) => {
      if (options.writeDocs === undefined) showConfig(section, { options, context });
      else writeDocuments(options.writeDocs);
    });
};

function showConfig(
  section: string | undefined,
  { options, context }: { readonly options: ConfigOptions; readonly context: CliContext },
): void {
  const { terminal } = context;
  const all = listSettings(options.defaults === true ? undefined : context.configPath());
  const sections = section === undefined ? all : all.filter(({ name, kind }) => name === section || kind === section);
  if (section !== undefined && sections.length === 0) {
    const nearest = findNearest(
      section,
      all.flatMap(({ name, kind }) => [name, kind]),
    );
    const hint = nearest === undefined ? '' : `; did you mean "${nearest}"?`;
    terminal.err(`postern: Cannot show section ${JSON.stringify(section)}: there is none${hint}\n`);
    return context.exit(EXIT.usage);
  }
  const shown = options.nonDefault === true ? keepChanged(sections) : sections;
  terminal.out(options.json === true ? formatJson(shown) : formatIni(shown));
}

function keepChanged(sections: readonly ShownSection[]): ShownSection[] {
  return sections
    .map((section) => ({ ...section, entries: section.entries.filter(({ isDefault }) => !isDefault) }))
    .filter(({ entries, isDefault }) => entries.length > 0 || !isDefault);
}

/** Sections as objects of texts, as the file would have them. */
function formatJson(sections: readonly ShownSection[]): string {
  const object = Object.fromEntries(
    sections.map(({ name, entries }) => [name, Object.fromEntries(entries.map(({ key, text }) => [key, text]))]),
  );
  return `${JSON.stringify(object, undefined, 2)}\n`;
}

function writeDocuments(directory: string): void {
  mkdirSync(directory, { recursive: true });
  writeFileSync(join(directory, 'postern.ini'), writeSample());
  writeFileSync(join(directory, 'README.md'), writeReference());
}
