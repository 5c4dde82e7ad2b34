import { describe, expect, test } from 'vitest';
import { lateness, TimeTable } from '../../bench/overload/time-table.ts';

describe('times under overload', () => {
  const table = (): TimeTable => {
    const times = new TimeTable();
    for (let i = 0; i < 99; i += 1) times.add(0, 1, 0, { firstMs: 5, endMs: 10 });
    return times;
  };

  test.each<[string, number[], number]>([
    ['none', [], 10],
    ['one of a hundred that is the p99', [20], 10],
    ['two of a hundred', [20, 20], 20],
    ['as many as there are answers', new Array(99).fill(20), 20],
  ])('count those that were never sent: %s', (_, late, p99Ms) => {
    const { count, total, server } = table().times(late);
    expect([count, total.p99Ms, server.p99Ms]).toEqual([99, p99Ms, 4]);
  });

  test('those that were not sent are as late as they are by now, and as any that was sent', () => {
    expect(lateness([0, 900, 990], 1_000, 500)).toEqual([1_000, 500, 500]);
  });
});
