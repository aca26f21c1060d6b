/**
 * Writes the sample configuration and the list of settings from the table, so that neither can differ from what the
 * program does. `npm run docs` puts them into `etc/`, and a test compares.
 */
import { DEFAULT_NAME } from './evaluate.ts';
import { formatEntry } from './write-ini.ts';
import { NAMED_SECTIONS, SECTIONS } from './settings.ts';
import type { Section, Setting } from './setting.ts';

/** Of a named section that is not there by default. */
const EXAMPLE_NAME = 'total';

/** The sample `postern.ini`: every setting, commented out, with its default. */
export function writeSample(): string {
  const head = [
    '# Configuration of Postern, read from /etc/postern/postern.ini unless -c or $POSTERN_CONFIG name another file.',
    '# Each setting is shown with its default, or an example where the default depends on the machine. To change one,',
    '# take away the "#" before it. README.md beside this file lists all of them; "postern check" finds mistakes.',
    '#',
    '# ";" and "#" begin a comment at the start of a line or after white space. A value that needs them stands in "quotes".',
  ];
  const sections = listSections().map(({ title, section }) => writeSampleSection(title, section));
  return [...head, '', sections.join('\n')].join('\n');
}

function writeSampleSection(title: string, section: Section): string {
  // An optional section is not there by default.
  const lines = [`# ${section.words}`, `${section.isOptional === true ? '#' : ''}[${title}]`];
  for (const [key, setting] of Object.entries(section.settings)) {
    const { default: given, words } = setting;
    lines.push('', `# ${words}`);
    if (typeof given !== 'string') lines.push(`# Default: ${given.words}.`);
    lines.push(`#${formatEntry(key, typeof given === 'string' ? given : given.example)}`);
  }
  return [...lines, ''].join('\n');
}

/** The list of settings in Markdown, formatted as prettier would. */
export function writeReference(): string {
  const head = [
    '# Settings',
    '',
    'Written by `npm run docs` from the table in `src/config/settings.ts`; change them there.',
    '',
    '`postern.ini` beside this file is the same as a sample. Postern reads the file of `-c`, else of `$POSTERN_CONFIG`, else',
    '`/etc/postern/postern.ini`. `postern check` finds mistakes, all at once; `postern config -n` shows what differs from the',
    'defaults. A setting marked _reload_ changes on `SIGHUP`, the others on a restart.',
    '',
    '- A value may stand in `"double quotes"`, with `\\"` and `\\\\` for a quote and a backslash, or in `\'single quotes\'`, where',
    '  every character stands for itself.',
    '- `;` and `#` begin a comment at the start of a line or after white space. A value that holds one needs quotes.',
    '- Durations take `ms s m h d w`, sizes `K M G T` with the factor 1024. Lists have commas or white space between items.',
    '- Variables are those of Dovecot 2.3: `%u` whole name, `%n` part before the first `@`, `%d` domain, `%h` home, `%%` a',
    '  percent sign, and at a login `%s` service, `%r` and `%l` remote and local address, `%b` and `%a` their ports, `%m`',
    '  mechanism, `%c` secured, `%k` client certificate. Long names are `%{user}`, `%{domain_first}`, `%{orig_user}`,',
    '  `%{auth_user}`, `%{master_user}` and the like. Modifiers `L U E X R N H M D T`, `%2.3u` for a part of the value, `%08n` for',
    '  leading zeros, `%{md5:user}` (also `sha1 sha256 sha384 sha512`) and `%{if;%d;eq;example.com;THEN;ELSE}` work as there.',
    '  Not known are `%w`, `%{env:...}`, `%{passdb:...}`, `%{userdb:...}`, hashes with options, and the pipes of Dovecot 2.4.',
    '  A variable that is not known, or has no value where it stands, is an error.',
  ];
  const sections = listSections().map(({ heading, section }) =>
    [`## ${heading}`, '', section.words, '', ...writeTable(section)].join('\n'),
  );
  return `${[head.join('\n'), ...sections].join('\n\n')}\n`;
}

function writeTable(section: Section): string[] {
  const rows = Object.entries(section.settings).map(([key, setting]) => [
    `\`${key}\``,
    setting.reader.form.replaceAll('|', String.raw`\|`),
    showDefault(setting),
    setting.words + (setting.change === 'live' ? ' _reload_' : ''),
  ]);
  const table = [['Setting', 'Value', 'Default', 'Meaning'], ...rows];
  const widths = [0, 1, 2, 3].map((column) => Math.max(...table.map((row) => row[column]?.length ?? 0)));
  const ruler = widths.map((width) => '-'.repeat(width));
  const [titles = [], ...others] = table;
  return [titles, ruler, ...others].map(
    (row) => `| ${row.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join(' | ')} |`,
  );
}

function showDefault({ default: given }: Setting): string {
  if (typeof given !== 'string') return given.words;
  return given === '' ? 'empty' : `\`${given}\``;
}

interface ListedSection {
  /** Between the brackets, in the sample. */
  readonly title: string;
  readonly heading: string;
  readonly section: Section;
}

/** In the order of the table, the databases behind `[auth]` and quota roots behind `[quota]`, where a reader looks for them. */
function listSections(): ListedSection[] {
  const named = Object.entries<Section>(NAMED_SECTIONS).map(([kind, section]) => ({
    kind,
    title: `${kind} ${section.isOptional === true ? EXAMPLE_NAME : DEFAULT_NAME}`,
    heading: `[${kind} NAME]`,
    section,
  }));
  return Object.entries<Section>(SECTIONS).flatMap(([name, section]) => {
    const own = { title: name, heading: `[${name}]`, section };
    return [own, ...named.filter(({ kind }) => (kind in SECTIONS ? kind : 'auth') === name)];
  });
}
