import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { judgeLimit, type RowResult } from '../../bench/harness/finding.ts';
import type { Results } from '../../bench/harness/results.ts';
import { linearTicks, logTicks, shortNumber } from '../../bench/report/axis.ts';
import { chartsOf } from '../../bench/report/charts.ts';
import { apart } from '../../bench/report/line-chart.ts';
import { markdownTable } from '../../bench/report/page.ts';
import { writeReport } from '../../bench/report/write-report.ts';
import { tempFolder } from '../support/temp-folder.ts';
import { RUN } from './fixture.ts';

describe('axes', () => {
  test.each([
    [100, [0, 20, 40, 60, 80, 100]],
    [7, [0, 2, 4, 6, 8]],
    [0.9, [0, 0.2, 0.4, 0.6, 0.8, 1]],
    [12_345, [0, 2_500, 5_000, 7_500, 10_000, 12_500]],
    [0, [0, 1]],
  ])('up to %d', (max, wanted) => {
    const ticks = linearTicks(max);
    expect(ticks).toHaveLength(wanted.length);
    ticks.forEach((tick, i) => {
      expect(tick).toBeCloseTo(wanted[i] ?? Number.NaN);
    });
  });

  test.each([
    [0.4, 30, [0.1, 1, 10, 100]],
    [1, 1, [1, 10]],
    [2, 3, [1, 10]],
  ])('by powers of ten from %d to %d', (min, max, wanted) => {
    expect(logTicks(min, max)).toEqual(wanted);
  });

  test.each([
    [12_345.6, '12,346'],
    [12.34, '12.3'],
    [0.054, '0.05'],
    [0, '0'],
  ])('%d is written %j', (value, wanted) => {
    expect(shortNumber(value)).toBe(wanted);
  });
});

test.each([
  [
    [10, 50, 90],
    [10, 50, 90],
  ],
  [
    [50, 52, 51],
    [50 - 22, 52, 52 - 12],
  ],
  [
    [50, 50],
    [50, 38],
  ],
  [[], []],
])('figures at %j are moved apart to %j', (places, wanted) => {
  expect(apart(places, 12)).toEqual(wanted);
});

describe('charts', () => {
  const charts = chartsOf(RUN);
  const svg = (file: string) => charts.find((chart) => chart.file === file)?.svg ?? '';

  test('there is one for each kind of row that was measured', () => {
    const files = ['append.svg', 'reads.svg', 'latency.svg', 'growth-rate.svg', 'growth-p99.svg'];
    expect(charts.map(({ file }) => file)).toEqual(files);
  });

  test('each has a title, a description in words, a legend and axes with units', () => {
    const append = svg('append.svg');
    expect(append).toContain('<title id="t">Single durable appends</title>');
    expect(append).toContain('append-64: stele 6,000, bare 10,000, a &lt; b 5');
    expect(append).toContain('>requests a second</text>');
    expect(svg('latency.svg')).toContain('>milliseconds since due</text>');
    expect(svg('growth-rate.svg')).toMatch(/>10 k<[\s\S]*>1 M<[\s\S]*>entries in the log</);
    for (const chart of charts) expect(chart.svg).toContain('role="img"');
  });

  test('bars are as long as their values: the longest fits, half of it is half as long', () => {
    const widths = [...svg('reads.svg').matchAll(/<rect x="190" y="[\d.]+" width="([\d.]+)"/g)].map((match) =>
      Number(match[1]),
    );
    expect(widths).toHaveLength(2);
    expect((widths[0] ?? 0) / (widths[1] ?? 1)).toBeCloseTo(0.9, 2);
  });

  test('no name from outside becomes markup', () => {
    expect(svg('append.svg')).not.toContain('a < b');
  });

  test('numbers that are none are never drawn', () => {
    for (const chart of charts) expect(chart.svg).not.toMatch(/NaN|Infinity|undefined/);
  });
});

describe('the page', () => {
  async function page(
    floors?: string,
    later: readonly Results[] = [],
  ): Promise<{ text: string; written: string[]; folder: string }> {
    const folder = await tempFolder();
    await mkdir(join(folder, 'results'));
    const runs = [RUN, ...later];
    const resultsFiles = runs.map((_, i) => join(folder, 'results', `run${i}.json`));
    for (const [i, file] of resultsFiles.entries()) await writeFile(file, JSON.stringify(runs[i]));
    const floorsFile = join(folder, 'floors.md');
    if (floors !== undefined) await writeFile(floorsFile, floors);
    const written = await writeReport({ resultsFiles, floorsFile, folder: join(folder, 'docs') });
    return { text: await readFile(join(folder, 'docs', 'performance.md'), 'utf8'), written, folder };
  }

  test('says what was measured on what, with goals, charts and notes', async () => {
    const { text } = await page();
    expect(text).toContain('- Commit 0123456789ab; started 2026-01-02T03:04:05.678Z; mode full');
    expect(text).toContain('2 processors (Abacus), 4 GiB');
    expect(text).toContain(
      '| append-64 | title of append-64 | 6,000 req/s | bare | 10,000 req/s | 0.60 | 0.50-0.70 | >= 0.50 | yes |',
    );
    expect(text).toContain('| disk | failed: Error: disk is full |');
    expect(text).toContain('| node hash | 500,000 | 2.00 |');
    expect(text).toContain('- get-tile: note of get-tile');
    expect(text).toContain('[one run](../results/run0.json)');
  });

  test('rows that were measured again have their last numbers, and the page names each run', async () => {
    const again = (ours: number): RowResult => ({
      ...{ row: 'get-tile', title: 'once more', samples: {}, notes: [], seconds: 1 },
      findings: [judgeLimit({ what: 'w', unit: 's' }, ours, { atMost: 5 })],
    });
    const run = (commit: string, ours: number): Results => ({ ...RUN, commit, rows: [again(ours)] });
    const fresh = { ...again(1), row: 'new-row' };
    const { text } = await page(undefined, [
      run('aaaa', 1),
      run('bbbb', Number.NaN),
      { ...RUN, rows: [fresh] },
    ]);
    expect(text).toContain('| new-row | once more: w |');
    expect(text).toContain(
      '[a later run](../results/run1.json), commit aaaa, started 2026-01-02T03:04:05.678Z',
    );
    expect(text).toContain('[a later run](../results/run2.json), commit bbbb');
    expect(text).toContain('| get-tile | once more: w | none | limit | 5.00 s |  |  | <= 1.00 | NO |');
    expect(text).not.toContain('title of get-tile');
    expect(text).toContain('title of append-64');
  });

  test('links to each chart that was written', async () => {
    const { text, written, folder } = await page();
    const linked = [...text.matchAll(/!\[[^\]]+\]\(([^)]+)\)/g)].map((match) =>
      join(folder, 'docs', match[1] ?? ''),
    );
    expect(linked.length).toBeGreaterThan(3);
    expect(written.slice(1)).toEqual(linked);
  });

  test('ends with what was written by hand, and needs none', async () => {
    expect((await page('## By hand\n\nA floor.\n')).text.endsWith('## By hand\n\nA floor.\n')).toBe(true);
    expect((await page()).text).toMatch(/note of disk\n$/);
  });

  test('no cell breaks a table', () => {
    expect(markdownTable(['a', 'b'], [['x|y'], ['1', '2']])).toBe(
      '| a | b |\n| --- | --- |\n| x\\|y |  |\n| 1 | 2 |',
    );
  });
});
