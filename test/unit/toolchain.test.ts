/**
 * A test on the checks: a linter whose rules match nothing is as green as one that found nothing. Faults are planted in
 * a folder of their own, under the real rules, and each must be seen. STYLE 1 has the import table.
 */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { copyFileSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, describe, it } from 'node:test';

const root = join(import.meta.dirname, '../../..');
const folder = mkdtempSync(join(tmpdir(), 'postern-'));
// Above the folders that are linted: the linter would follow it.
symlinkSync(join(root, 'node_modules'), join(folder, 'node_modules'));
after(() => rmSync(folder, { recursive: true }));

/** What each layer may import: layers, layers of which only types, packages. */
const LAYERS: Readonly<Record<string, { layers: string[]; types?: string[]; packages: string[] }>> = {
  core: { layers: [], packages: [] },
  protocol: { layers: ['core'], packages: ['fast-xml-parser'] },
  config: { layers: ['core'], packages: ['ini', 'zod', 'node:fs'] },
  log: { layers: ['core'], packages: ['pino', 'pino-pretty'] },
  auth: {
    layers: ['core', 'protocol'],
    packages: [
      '@mongodb-js/saslprep',
      '@node-rs/argon2',
      '@node-rs/bcrypt',
      'koffi',
      'node-cache',
      'ip-cidr',
      'node:worker_threads',
    ],
  },
  directory: { layers: ['core'], types: ['auth'], packages: [] },
  policy: { layers: ['core'], types: ['auth'], packages: [] },
  mail: { layers: ['core'], packages: ['node:fs'] },
  store: {
    layers: ['core'],
    types: ['auth', 'directory', 'policy', 'mail'],
    packages: ['better-sqlite3', 'node:fs'],
  },
  net: { layers: ['core'], packages: ['node:net', 'node:fs'] },
  'service/sasl': { layers: ['core', 'protocol', 'net', 'auth', 'directory', 'policy', 'mail'], packages: [] },
  'service/policy': { layers: ['core', 'protocol', 'net', 'auth', 'directory', 'policy', 'mail'], packages: [] },
  'service/lmtp': {
    layers: ['core', 'protocol', 'net', 'auth', 'directory', 'policy', 'mail'],
    packages: ['smtp-server'],
  },
  'service/lookup': { layers: ['core', 'protocol', 'net', 'auth', 'directory', 'policy', 'mail'], packages: [] },
  'service/http': { layers: ['core', 'protocol', 'net', 'auth', 'directory', 'policy', 'mail'], packages: ['fastify'] },
  cli: {
    layers: ['core', 'config'],
    types: ['auth', 'directory', 'policy', 'mail'],
    packages: ['commander', 'node:fs'],
  },
};
const PACKAGES = (
  'ini zod pino pino-pretty node-cache ip-cidr @mongodb-js/saslprep @node-rs/argon2 @node-rs/bcrypt koffi ' +
  'better-sqlite3 smtp-server fastify fast-xml-parser commander'
).split(' ');

interface Plant {
  readonly layer: string;
  readonly line: string;
  readonly isAllowed: boolean;
}

/** Every import that could be written between two layers, and every package in every layer. */
function listImports(): Plant[] {
  return Object.entries(LAYERS).flatMap(([layer, { layers, types = [], packages }]) => {
    const up = '../'.repeat(layer.split('/').length);
    const others = Object.keys(LAYERS).filter((other) => other !== layer);
    const between = others.flatMap((other) => {
      const from = `'${up}${other}/x.ts'`;
      return [
        { line: `import { x } from ${from};`, isAllowed: layers.includes(other) },
        { line: `import type { x } from ${from};`, isAllowed: [...layers, ...types].includes(other) },
      ];
    });
    const outside = PACKAGES.map((name) => ({
      line: `import { x } from '${name}';`,
      isAllowed: packages.includes(name),
    }));
    const siblings = others
      .filter((other) => layer.startsWith('service/') && other.startsWith('service/'))
      .map((other) => ({ line: `import { x } from '../${other.slice('service/'.length)}/x.ts';`, isAllowed: false }));
    const wholes = ['app', 'app-tools', 'main'].map((name) => ({
      line: `import { x } from '${up}${name}.ts';`,
      isAllowed: false,
    }));
    return [...between, ...siblings, ...outside, ...wholes].map((plant) => ({ layer, ...plant }));
  });
}

const MAX_REPORT_BYTES = 16 * 1024 * 1024;
const LINT_TIMEOUT_MS = 60_000;

interface Report {
  readonly diagnostics: readonly {
    readonly filename: string;
    readonly code: string;
    readonly labels: readonly { readonly span: { readonly line: number } }[];
  }[];
}

/** Lints files under the real rules and gives `FILE:LINE RULE` for all that was found. */
function lint(name: string, files: Readonly<Record<string, string>>): string[] {
  const place = join(folder, name);
  for (const [file, text] of Object.entries(files)) {
    mkdirSync(dirname(join(place, file)), { recursive: true });
    writeFileSync(join(place, file), text);
  }
  for (const file of ['.oxlintrc.json', 'tsconfig.json', 'package.json'])
    copyFileSync(join(root, file), join(place, file));
  const program = join(root, 'node_modules/.bin/oxlint');
  const { stdout, stderr } = spawnSync(program, ['--deny-warnings', '-f', 'json'], {
    cwd: place,
    encoding: 'utf8',
    maxBuffer: MAX_REPORT_BYTES,
    timeout: LINT_TIMEOUT_MS,
  });
  assert.match(stdout, /^\{/, `the linter did not run: ${stdout}${stderr}`);
  const report: Report = JSON.parse(stdout);
  return report.diagnostics.map(({ filename, code, labels }) => `${filename}:${labels[0]?.span.line ?? 0} ${code}`);
}

describe('the linter', () => {
  it('holds the import table of STYLE 1, between every two layers and for every package', () => {
    const plants = listImports();
    const byLayer = Object.keys(LAYERS).map((layer) => ({ layer, own: plants.filter((one) => one.layer === layer) }));
    const files = byLayer.map(({ layer, own }) => [
      `src/${layer}/planted.ts`,
      own.map(({ line }, i) => line.replace('{ x }', `{ x as x${i} }`)).join('\n'),
    ]);
    const found = lint('imports', Object.fromEntries(files));
    const refused = new Set(found.filter((one) => one.endsWith('(no-restricted-imports)')));
    const wrong = byLayer.flatMap(({ layer, own }) =>
      own.filter(
        ({ isAllowed }, i) =>
          refused.has(`src/${layer}/planted.ts:${i + 1} eslint(no-restricted-imports)`) === isAllowed,
      ),
    );
    assert.deepEqual(wrong, []);
    assert.ok(refused.size > 300, `only ${refused.size} imports were refused`);
  });

  it('sees one fault of each kind', () => {
    const found = lint('faults', {
      'src/net/floating.ts':
        "import { readFile } from 'node:fs/promises';\nexport function f(): void {\n  readFile('/x');\n}\n",
      'src/net/listener.ts':
        "import { createServer } from 'node:net';\nexport function f(): void {\n  createServer().on('connection', async () => {});\n}\n",
      'src/core/cycle-a.ts': "import { b } from './cycle-b.ts';\nexport const a = (): unknown => b;\n",
      'src/core/cycle-b.ts': "import { a } from './cycle-a.ts';\nexport const b = (): unknown => a;\n",
      'src/core/switch.ts':
        "export function f(x: 'a' | 'b'): number {\n  switch (x) {\n    case 'a':\n      return 1;\n  }\n  return 2;\n}\n",
      'src/core/any.ts': 'export function f(x: any): void {\n  console.log(x!.y);\n}\n',
      'src/core/default.ts': 'export default 1;\n',
      'src/core/Bad_Name.ts': "import { join } from 'path';\nexport const x = join('a');\n",
      'src/core/long.ts': Array.from({ length: 301 }, (_, i) => `export const x${i} = ${i};`).join('\n'),
      'src/core/throw.ts': "export function f(): void {\n  throw 'text';\n}\n",
      'test/unit/known.test.ts': "import { it } from 'node:test';\nit('is awaited by the runner', async () => {});\n",
    });
    assert.deepEqual(found.toSorted(), [
      'src/core/Bad_Name.ts:1 unicorn(filename-case)',
      'src/core/Bad_Name.ts:1 unicorn(prefer-node-protocol)',
      'src/core/any.ts:1 typescript(no-explicit-any)',
      'src/core/any.ts:2 eslint(no-console)',
      'src/core/any.ts:2 typescript(no-non-null-assertion)',
      'src/core/cycle-a.ts:1 import(no-cycle)',
      'src/core/cycle-b.ts:1 import(no-cycle)',
      'src/core/default.ts:1 import(no-default-export)',
      'src/core/long.ts:301 eslint(max-lines)',
      'src/core/switch.ts:2 typescript(switch-exhaustiveness-check)',
      'src/core/throw.ts:2 typescript(only-throw-error)',
      'src/net/floating.ts:3 typescript(no-floating-promises)',
      'src/net/listener.ts:3 typescript(no-misused-promises)',
    ]);
  });
});
