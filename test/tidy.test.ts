import { access, readdir, readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';

/*
 * Rules of the source tree that no compiler or linter checks. Each rule is a function from a text to complaints, so
 * that a row below can show it failing.
 */

const ROOT = join(import.meta.dirname, '..');
const FILE_LINES_MAX = 300;
const FUNCTION_LINES_MAX = 60;

/** The layers that each folder of src may import. What is not listed may import everything. */
const LAYERS: Readonly<Record<string, readonly string[]>> = {
  core: [],
  runtime: ['core'],
  keys: ['core', 'runtime'],
  store: ['core', 'runtime'],
  events: ['core', 'runtime', 'store'],
  client: ['core'],
  alert: ['core', 'runtime', 'store'],
  import: ['core'],
  audit: ['core', 'client'],
  witness: ['core', 'keys', 'runtime', 'store'],
  monitor: ['core', 'runtime', 'store', 'client', 'alert', 'witness'],
  sequencer: ['core', 'keys', 'runtime', 'events', 'store'],
  fsck: ['core', 'runtime', 'events', 'keys', 'store', 'sequencer', 'client'],
  scrub: ['core', 'runtime', 'events', 'keys', 'store', 'sequencer'],
  backup: ['core', 'runtime', 'events', 'keys', 'store', 'sequencer', 'client', 'fsck'],
  repair: ['core', 'runtime', 'events', 'keys', 'store', 'sequencer', 'client', 'fsck', 'scrub', 'backup'],
  witnessing: ['core', 'runtime', 'store', 'sequencer', 'client', 'witness'],
  http: [
    'core',
    'runtime',
    'keys',
    'store',
    'events',
    'sequencer',
    'client',
    'fsck',
    'scrub',
    'backup',
    'witness',
    'witnessing',
    'alert',
    'monitor',
  ],
  cli: [
    'core',
    'runtime',
    'keys',
    'store',
    'events',
    'sequencer',
    'client',
    'import',
    'fsck',
    'scrub',
    'backup',
    'repair',
    'http',
    'witness',
    'alert',
    'witnessing',
    'monitor',
  ],
};
const CORE_PACKAGES = /^(?:@noble\/hashes|cbor-x)(?:\/|$)/;

function importsOf(text: string): string[] {
  const found = text.matchAll(/(?:\bfrom|^import|\bimport\()\s*'([^']+)'/gm);
  return [...found].map((match) => match[1] ?? '');
}

function wrongImports(path: string, text: string): string[] {
  const layer = path.split('/')[1] ?? '';
  const allowed = LAYERS[layer];
  if (allowed === undefined) return path.split('/').length > 2 ? [`${layer} has no row in LAYERS`] : [];
  return importsOf(text).filter((name) => {
    if (!name.startsWith('.')) return layer === 'core' && !CORE_PACKAGES.test(name);
    const target = join(dirname(path), name).split('/')[1] ?? '';
    return target !== layer && !allowed.includes(target);
  });
}

const KEYWORD = /^\s*(?:\} )?(?:if|for|while|switch|catch|else|do|try|finally|return|class|interface)\b/;
const HEADER = /=> \{$|\bfunction\b.*\{$|\)(?:: .+)? \{$/;

/** Relies on the formatter: a body ends with the first closing brace as far in as its header. */
function longFunctions(text: string): string[] {
  const lines = text.split('\n');
  return lines.flatMap((line, start) => {
    if (!HEADER.test(line) || KEYWORD.test(line)) return [];
    const indent = line.slice(0, line.search(/\S/));
    const length = lines.slice(start).findIndex((later) => later.startsWith(`${indent}}`)) + 1;
    return length > FUNCTION_LINES_MAX ? [`line ${start + 1}: ${length} lines`] : [];
  });
}

function lineCount(text: string): number {
  return text.split('\n').length - 1;
}

function matches(text: string, pattern: RegExp): string[] {
  return [...text.matchAll(pattern)].map((match) => match[0]);
}
const defaultExports = (text: string) => matches(text, /^export default\b|\bas default\b/gm);
const machinePaths = (text: string) => matches(text, /(?<![\w.])\/(?:home|Users|work)\/[\w.]+/g);
const openMarks = (text: string) => matches(text, /\b(?:TO[D]O|FI[X]ME|X[X]X)\b/g);
/** What would make a run of the simulation unlike the last one, in code that is given its clock and its randomness. */
const ambient = (text: string) =>
  matches(
    text,
    /\b(?:Date\.now|performance\.now|Math\.random|randomBytes|randomUUID|setTimeout|setInterval)\b|\bnew Date\(\)|(?<![.\w])fetch\(/g,
  );
const SIMULATED = /^src\/(?:core|keys|store|events|sequencer|scrub|fsck|backup|repair|witness|witnessing)\//;
const processReads = (text: string) => matches(text, /\bprocess\.(?:argv|env)\b/g);

/** Targets of Markdown links that are files: neither a URL nor an anchor of the same page. */
function fileLinks(text: string): string[] {
  const targets = [...text.matchAll(/\]\(([^)\s]+)\)/g)].map((match) => match[1] ?? '');
  return targets
    .filter((target) => !/^(?:[a-z]+:|#)/.test(target))
    .map((target) => target.replace(/#.*$/, ''));
}

function numbersTwice(spec: string): string[] {
  const numbers = [...spec.matchAll(/^\s*- \*\*([A-Z]+-\d+)\*\*/gm)].map(([, number = '']) => number);
  return numbers.filter((number, i) => numbers.indexOf(number) < i);
}

async function brokenLinks(path: string, text: string): Promise<string[]> {
  const there = (target: string) =>
    access(join(ROOT, dirname(path), target)).then(
      () => true,
      () => false,
    );
  const links = fileLinks(text);
  const found = await Promise.all(links.map(there));
  return links.filter((_, i) => found[i] === false);
}

type Texts = ReadonlyMap<string, string>;

async function readTexts(paths: readonly string[]): Promise<Texts> {
  return new Map(
    await Promise.all(paths.map(async (path) => [path, await readFile(join(ROOT, path), 'utf8')] as const)),
  );
}

/** Without what others wrote, and what a build of the bench has made. */
async function filesBelow(folder: string): Promise<string[]> {
  const found = await readdir(join(ROOT, folder), { recursive: true }).catch(() => []);
  return found
    .filter((path) => !/(?:^|\/)(?:node_modules|dist)\//.test(path))
    .map((path) => `${folder}/${path.replaceAll('\\', '/')}`);
}

/** What a rule says about each text, with its path in front. */
function complaints(texts: Texts, rule: (text: string, path: string) => readonly string[]): string[] {
  return [...texts].flatMap(([path, text]) => rule(text, path).map((said) => `${path}: ${said}`));
}

let source: Texts;
/** What is measured and what measures it. */
let sourceAndBench: Texts;
let code: Texts;
let pages: Texts;

beforeAll(async () => {
  const below = await Promise.all(['src', 'test', 'scripts', 'bench', 'spec', 'docs'].map(filesBelow));
  const top = (await readdir(ROOT)).filter((name) => name.endsWith('.md'));
  const paths = [...below.flat(), ...top];
  code = await readTexts(paths.filter((path) => /\.(?:ts|mjs)$/.test(path)));
  source = new Map([...code].filter(([path]) => path.startsWith('src/')));
  sourceAndBench = new Map([...code].filter(([path]) => /^(?:src|bench)\//.test(path)));
  pages = await readTexts(paths.filter((path) => path.endsWith('.md')));
});

describe('the tree is tidy', () => {
  test('there is something to look at', () => {
    expect(source.size).toBeGreaterThan(50);
    expect(pages.size).toBeGreaterThan(5);
  });

  test('imports go inwards only', () => {
    expect(complaints(source, (text, path) => wrongImports(path, text))).toEqual([]);
  });

  test(`files have at most ${FILE_LINES_MAX} lines`, () => {
    const rule = (text: string) => (lineCount(text) > FILE_LINES_MAX ? [`${lineCount(text)} lines`] : []);
    expect(complaints(sourceAndBench, rule)).toEqual([]);
  });

  test(`functions have at most ${FUNCTION_LINES_MAX} lines`, () => {
    expect(complaints(sourceAndBench, longFunctions)).toEqual([]);
  });

  test('no default exports', () => {
    expect(complaints(sourceAndBench, defaultExports)).toEqual([]);
  });

  test('only cli reads the command line and the environment', () => {
    const outside = new Map([...source].filter(([path]) => !path.startsWith('src/cli/')));
    expect(complaints(outside, processReads)).toEqual([]);
  });

  test('what is simulated takes clock, randomness and network from its caller', () => {
    const simulated = new Map([...source].filter(([path]) => SIMULATED.test(path)));
    expect(simulated.size).toBeGreaterThan(100);
    expect(complaints(simulated, ambient)).toEqual([]);
  });

  test('no paths of one machine, no open marks', () => {
    const all = new Map([...code, ...pages]);
    expect(complaints(all, (text) => [...machinePaths(text), ...openMarks(text)])).toEqual([]);
  });

  test('each number of the spec stands for one requirement', () => {
    const spec = [...pages].filter(([path]) => path.startsWith('spec/'));
    expect(numbersTwice(spec.map(([, text]) => text).join('\n'))).toEqual([]);
  });

  test('relative links of the pages lead to files', async () => {
    const broken = await Promise.all(
      [...pages].map(async ([path, text]) => [path, await brokenLinks(path, text)]),
    );
    expect(broken.filter(([, links]) => links?.length !== 0)).toEqual([]);
  });
});

describe('each rule sees what it is for', () => {
  const body = (lines: number) => Array.from({ length: lines }, () => '  x();').join('\n');

  test.each([
    ['src/core/a.ts', "import { a } from '../store/a.ts';"],
    ['src/core/a.ts', "import type { a } from '../runtime/a.ts';"],
    ['src/core/merkle/a.ts', "import { a } from '../../http/a.ts';"],
    ['src/core/a.ts', "import { a } from 'node:crypto';"],
    ['src/sequencer/a.ts', "export { a } from '../http/a.ts';"],
    ['src/store/a.ts', "const a = await import('../sequencer/a.ts');"],
    ['src/store/a.ts', "import '../cli/main.ts';"],
    ['src/http/a.ts', "import {\n  a,\n} from '../cli/a.ts';"],
    ['src/other/a.ts', ''],
  ])('import refused: %s %s', (path, text) => {
    expect(wrongImports(path, text)).toHaveLength(1);
  });

  test.each([
    ['src/core/merkle/a.ts', "import { a } from '../units.ts';\nimport { b } from '@noble/hashes/sha2.js';"],
    ['src/cli/commands/a.ts', "import { a } from '../../http/a.ts';\nimport { b } from 'node:fs';"],
    ['src/server.ts', "export { a } from './http/a.ts';"],
  ])('import allowed: %s %s', (path, text) => {
    expect(wrongImports(path, text)).toEqual([]);
  });

  test.each([
    'function a() {\n%\n}',
    'export async function a<T>(b: T): Promise<T> {\n%\n}',
    'export async function a(\n  b: number,\n): Promise<void> {\n%\n}',
    'const a = () => {\n%\n};',
    'class A {\n  async b(c: number): Promise<void> {\n%\n  }\n}',
    'class A {\n  static b() {\n%\n  }\n}',
  ])('long function: %s', (form) => {
    expect(longFunctions(form.replace('%', body(FUNCTION_LINES_MAX - 2)))).toEqual([]);
    expect(longFunctions(form.replace('%', body(FUNCTION_LINES_MAX - 1)))).toHaveLength(1);
  });

  test('a long block that is no function is none', () => {
    expect(longFunctions(`if (a) {\n${body(80)}\n}`)).toEqual([]);
    expect(longFunctions(`class A {\n${body(80)}\n}`)).toEqual([]);
  });

  test('the rest', async () => {
    expect(defaultExports('export default 1;\nexport { a as default };')).toHaveLength(2);
    expect(processReads('run(process.argv, process.env);')).toHaveLength(2);
    expect(
      ambient('Date.now(); new Date(); setTimeout(f); await fetch(url); a.fetch(b); prefetch(c)'),
    ).toHaveLength(4);
    expect(machinePaths(`see ${'/'}home/me/a and ${'/'}Users/me, not a.org/home/page`)).toHaveLength(2);
    expect(openMarks(['TO', 'DO: later, FIX', 'ME'].join(''))).toHaveLength(2);
    expect(numbersTwice('- **A-1** a\n- **A-2** b, see **A-1**\n- **A-1** c')).toEqual(['A-1']);
    const links = '[a](README.md) [b](none.md#c) [c](https://a.example/x) [d](#e)';
    expect(await brokenLinks('docs.md', links)).toEqual(['none.md']);
  });
});
