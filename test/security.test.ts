import { readdirSync, readFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';

const ROOT = join(import.meta.dirname, '..');
const PAGE = 'docs/reference/security-checklist.md';
const LINES = 27;
const NAMED = /\]\(\.\.\/\.\.\/(test\/[\w/.-]+\.test\.ts)\)((?: "[^"]+")+)/g;

interface Line {
  readonly number: number;
  readonly tests: readonly { readonly file: string; readonly name: string }[];
}

function linesOf(page: string): Line[] {
  return [...page.matchAll(/^\| (\d+) \|.*\|$/gm)].map(([row, number]) => ({
    number: Number(number),
    tests: [...row.matchAll(NAMED)].flatMap(([, file = '', names = '']) =>
      [...names.matchAll(/"([^"]+)"/g)].map(([, name = '']) => ({ file, name })),
    ),
  }));
}

/** Titles of a test file: the text behind `test(` or `describe(`, and that of tables. */
function titlesIn(text: string): string[] {
  return [...text.matchAll(/(?:\b(?:test|describe)\(|\)\(|^ *)\s*(['"`])((?:(?!\1).)+)\1,/gm)].map(
    ([, , title = '']) => title,
  );
}

describe(PAGE, () => {
  const lines = linesOf(readFileSync(join(ROOT, PAGE), 'utf8'));

  test('has each line once, in order, with a test', () => {
    expect(lines.map(({ number }) => number)).toEqual(Array.from({ length: LINES }, (_, i) => i + 1));
    expect(lines.filter(({ tests }) => tests.length === 0)).toEqual([]);
  });

  test('names tests that are there, by their titles', async () => {
    for (const { file, name } of lines.flatMap(({ tests }) => tests)) {
      const titles = titlesIn(await readFile(join(ROOT, file), 'utf8'));
      expect([file, name, titles.some((title) => title.includes(name))]).toEqual([file, name, true]);
    }
  });

  test('a name that is no title, and a line without one, are seen', () => {
    expect(linesOf('| 3 | a | b | [x](../../test/x.test.ts) "one" "two" |\n| 4 | a | b | none |')).toEqual([
      {
        number: 3,
        tests: [
          { file: 'test/x.test.ts', name: 'one' },
          { file: 'test/x.test.ts', name: 'two' },
        ],
      },
      { number: 4, tests: [] },
    ]);
    expect(
      titlesIn(`test('one', () => x);\n  ])('two %s', async () => y);\n// three\nconst a = "four";`),
    ).toEqual(['one', 'two %s']);
  });
});

/** Every file of src with its text. */
function sources(): { readonly path: string; readonly text: string }[] {
  return readdirSync(join(ROOT, 'src'), { recursive: true, encoding: 'utf8' })
    .filter((path) => path.endsWith('.ts'))
    .map((path) => ({ path, text: readFileSync(join(ROOT, 'src', path), 'utf8') }));
}

test('headers of proxies are read in one place', () => {
  const found = sources().filter(({ text }) =>
    /'(?:x-forwarded|forwarded'|x-real-ip|cf-connecting)/i.test(text),
  );
  expect(found.map(({ path }) => path)).toEqual(['http/client-address.ts']);
});

/** Patterns written in a text: what stands between slashes where a value may begin. */
function patternsIn(text: string): string[] {
  const code = text.replaceAll(/^\s*(?:\/\/|\/?\*).*$/gm, '');
  const literals = code.matchAll(
    /(?<=[(,=:?[!&|]\s*|return\s)\/(?![/*])((?:\\.|\[(?:\\.|[^\]\\\n])*\]|[^/\\[\n])+)\/[a-z]*/g,
  );
  return [...literals].map(([, pattern = '']) => pattern);
}

/** Whether a group that holds an unbounded repetition is itself repeated: a text may then be taken in 2^n ways. */
function repeatsRepetition(pattern: string): boolean {
  const plain = pattern.replaceAll(/\\.|\[(?:\\.|[^\]\\])*\]/g, 'x');
  const unbounded = /^(?:[*+]|\{\d+,\})/;
  const groups: boolean[] = [];
  let holds = false;
  for (let at = 0; at < plain.length; at += 1) {
    if (plain[at] === '(') {
      groups.push(holds);
      holds = false;
    } else if (plain[at] === ')') {
      const inner: boolean = holds;
      const isRepeated = unbounded.test(plain.slice(at + 1));
      if (inner && isRepeated) return true;
      holds = inner || isRepeated || groups.pop() === true;
    } else if (unbounded.test(plain.slice(at))) holds = true;
  }
  return false;
}

/** Each round begins with a character that the round before it cannot take, so there is one way to take a text. */
const REVIEWED = new Set([
  String.raw`^(?:\/[A-Za-z0-9_-][A-Za-z0-9._-]*)*\/?$`,
  String.raw`^[a-z0-9_-]+(?:\.[a-z0-9_-]+)*$`,
  String.raw`\[([^\s\]="]+)((?: [^\s\]="]+="(?:[^"\\\]]|\\.)*")*)\]`,
]);

describe('patterns', () => {
  test('no pattern repeats what repeats itself', () => {
    const patterns = sources().flatMap(({ path, text }) =>
      patternsIn(text).map((pattern) => ({ path, pattern })),
    );
    expect(patterns.length).toBeGreaterThan(50);
    const found = patterns.filter(({ pattern }) => repeatsRepetition(pattern) && !REVIEWED.has(pattern));
    expect(found).toEqual([]);
  });

  test.each<[string, boolean]>([
    ['(a+)+', true],
    ['(?:a|b*)*c', true],
    ['(a(b+)c){2,}', true],
    ['(?:a{2,})+', true],
    ['(?:a{2})+', false],
    ['(a+)b+', false],
    ['(a+)?', false],
    ['(a\\+)+', false],
    ['([+*])+', false],
    ['(a)+(b)+', false],
  ])('%s: %s', (pattern, expected) => expect(repeatsRepetition(pattern)).toBe(expected));

  test('are found where values begin, and nowhere else', () => {
    const text = `const a = /x+/g;\nif (/[/(]y/.test(b / c / d)) return /z\\//;\n// /no/\n * /no/\nf(1, /w/);`;
    expect(patternsIn(text)).toEqual(['x+', '[/(]y', 'z\\/', 'w']);
  });
});

interface Locked {
  readonly version?: string;
  readonly integrity?: string;
  readonly link?: boolean;
  readonly hasInstallScript?: boolean;
  readonly resolved?: string;
}

describe('packages are exact and have digests', () => {
  const read = async (name: string) => JSON.parse(await readFile(join(ROOT, name), 'utf8'));
  const locked = async (): Promise<[string, Locked][]> =>
    Object.entries<Locked>((await read('package-lock.json')).packages).filter(([path]) => path !== '');

  test('those that are asked for', async () => {
    const { dependencies, devDependencies } = await read('package.json');
    const loose = Object.entries({ ...dependencies, ...devDependencies }).filter(
      ([, version]) => !/^\d+\.\d+\.\d+(?:-[\w.]+)?$/.test(String(version)),
    );
    expect(loose).toEqual([]);
  });

  test('those that come along', async () => {
    const packages = await locked();
    expect(packages.length).toBeGreaterThan(100);
    expect(
      packages.filter(([, { integrity }]) => !/^sha512-/.test(integrity ?? '')).map(([path]) => path),
    ).toEqual([]);
    expect(packages.filter(([, { resolved }]) => resolved !== undefined).map(([path]) => path)).toEqual([]);
  });

  test('scripts of packages are few and known, and the image runs none', async () => {
    const scripted = (await locked()).filter(([, { hasInstallScript }]) => hasInstallScript === true);
    expect(scripted.map(([path]) => path.replace(/^.*node_modules\//, ''))).toEqual([
      'cbor-extract',
      'classic-level',
    ]);
    const installs = (await readFile(join(ROOT, 'Dockerfile'), 'utf8')).match(/npm ci.*/g) ?? [];
    expect(installs.length).toBeGreaterThan(0);
    expect(installs.filter((line) => !line.includes('--ignore-scripts'))).toEqual([]);
  });
});
