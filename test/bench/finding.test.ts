import { describe, expect, test } from 'vitest';
import { isMet, judge, judgeLimit, pairsOf, show } from '../../bench/harness/finding.ts';
import { formatGoal, formatNumber, formatTable } from '../../bench/harness/table.ts';
import { sample } from './fixture.ts';

describe('a goal', () => {
  test.each([
    [{ atLeast: 0.5 }, 0.5, true],
    [{ atLeast: 0.5 }, 0.49, false],
    [{ atLeast: 0.5, aim: 0.6 }, 0.55, true],
    [{ atMost: 3 }, 3, true],
    [{ atMost: 3 }, 3.01, false],
    [{ atLeast: 1 }, Number.NaN, false],
    [{ atMost: 1 }, undefined, false],
  ])('%j with a ratio of %s: %s', (goal, ratio, wanted) => {
    expect(isMet({ goal, ...(ratio !== undefined && { ratio }) })).toBe(wanted);
  });

  test('that is none is neither met nor missed', () => {
    expect(isMet({ ratio: 1 })).toBeUndefined();
  });

  test.each([
    [undefined, ''],
    [{ atLeast: 0.5 }, '>= 0.50'],
    [{ atLeast: 0.5, aim: 0.6 }, '>= 0.50, aim 0.60'],
    [{ atMost: 0.2 }, '<= 0.20'],
  ])('%j reads %j', (goal, wanted) => {
    expect(formatGoal(goal)).toBe(wanted);
  });
});

describe('findings', () => {
  test('pair the samples of two contenders by round', () => {
    const ours = [sample({ perSec: 10 }), sample({ perSec: 30 })];
    const theirs = [sample({ perSec: 20 }), sample({ perSec: 40 })];
    expect(pairsOf(ours, theirs, 'perSec')).toEqual([
      { ours: 10, theirs: 20 },
      { ours: 30, theirs: 40 },
    ]);
  });

  test('against a limit', () => {
    expect(judgeLimit({ what: 'w', unit: 's' }, 4, { atMost: 5 })).toMatchObject({
      ratio: 0.8,
      goal: { atMost: 1 },
    });
    expect(judgeLimit({ what: 'w', unit: 's' }, 4, { atLeast: 5 })).toMatchObject({ goal: { atLeast: 1 } });
  });
});

describe('the table', () => {
  test.each([
    [12_345.6, 'req/s', '12,346 req/s'],
    [99.95, 'MiB', '100.0 MiB'],
    [0.4567, 'ms', '0.46 ms'],
    [Number.NaN, 'ms', 'none'],
  ] as const)('%d as %s is %j', (value, unit, wanted) => {
    expect(formatNumber(value, unit)).toBe(wanted);
  });

  test('has a line a finding, says the row once, and shows a row that failed', () => {
    const good = judge({ against: 'bare', unit: 'req/s', goal: { atLeast: 0.5 } }, [
      { ours: 60, theirs: 100 },
      { ours: 30, theirs: 100 },
      { ours: 40, theirs: 100 },
    ]);
    const rest = { samples: {}, notes: [], seconds: 1 };
    const lines = formatTable([
      { row: 'a', title: 'Work A', findings: [good, show({ what: 'more', unit: 'B' }, 5)], ...rest },
      { row: 'b', title: 'Work B', findings: [], error: 'Error: no\nstack', ...rest },
    ]).split('\n');
    expect(lines.map((line) => line.split(/ {2,}/))).toEqual([
      ['row', 'work', 'Stele', 'against', 'theirs', 'ratio', 'spread', 'goal', 'met'],
      ['a', 'Work A', '40.0 req/s', 'bare', '100 req/s', '0.40', '0.30-0.60', '>= 0.50', 'NO'],
      ['', 'more', '5.00 B'],
      ['b', 'failed: Error: no'],
    ]);
  });
});
