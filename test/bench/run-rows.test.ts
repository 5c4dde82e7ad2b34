import { describe, expect, test } from 'vitest';
import type { Bench, Row } from '../../bench/harness/bench.ts';
import { PACES } from '../../bench/run/arguments.ts';
import { rowsToRun, runRow, runRows } from '../../bench/run/run-rows.ts';
import { RUN } from './fixture.ts';

const said: string[] = [];
const bench: Bench = {
  mode: 'smoke',
  pace: PACES.smoke,
  program: '',
  tessera: undefined,
  hasStrace: false,
  folder: () => Promise.reject(new Error('no folder')),
  say: (text) => said.push(text),
};

function row(name: string, run: Row['run'] = async () => ({ findings: [], notes: [`${name} ran`] })): Row {
  return { name, title: `title of ${name}`, run };
}

describe('a run that goes on', () => {
  const rows = ['append-64', 'disk', 'fsck', 'get-tile'].map((name) => row(name));
  const names = (only?: readonly string[]) => rowsToRun(rows, RUN, only).map(({ name }) => name);

  test('measures what is missing and what failed', () => {
    expect(names()).toEqual(['disk', 'fsck']);
  });

  test('measures rows again that were named', () => {
    expect(names(['get-tile'])).toHaveLength(rows.length);
  });

  test('puts what it finds in the place of what failed, and keeps the rest', async () => {
    const { rows: after } = await runRows(bench, [row('disk')], RUN);
    expect(after).toHaveLength(RUN.rows.length);
    expect(after.find((one) => one.row === 'disk')).toMatchObject({ notes: ['disk ran'] });
    expect(after.find((one) => one.row === 'disk')?.error).toBeUndefined();
    expect(after.filter((one) => one.row !== 'disk')).toEqual(RUN.rows.filter((one) => one.row !== 'disk'));
  });
});

test('a row that fails is a result with its error, and the next row runs', async () => {
  const bad = row('bad', () => Promise.reject(new Error('the disk is gone')));
  const { rows } = await runRows(bench, [bad, row('good')], { ...RUN, rows: [] });
  expect(rows.map(({ row: name, error }) => [name, error?.split('\n')[0]])).toEqual([
    ['bad', 'Error: the disk is gone'],
    ['good', undefined],
  ]);
  expect(said).toContain('good: title of good');
});

test('a row may say what it found although a part of it failed', async () => {
  const half = row('half', async () => ({ findings: [], notes: ['first part'], error: 'second part' }));
  expect(await runRow(half, bench)).toMatchObject({
    row: 'half',
    notes: ['first part'],
    error: 'second part',
  });
});
