import { describe, expect, test } from 'vitest';
import { Slices } from '../../src/runtime/slices.ts';

function counted(bounds: { bytes: number; steps: number }): { slices: Slices; turns: () => number } {
  let turns = 0;
  const slices = new Slices(bounds, async () => {
    turns += 1;
  });
  return { slices, turns: () => turns };
}

describe('SEQ-12 slices', () => {
  test.each<[string, [number, number?][], boolean[]]>([
    ['end with their last byte', [[9], [1], [9], [1]], [false, true, false, true]],
    ['end with what goes beyond, which counts for them', [[99], [9], [1]], [true, false, true]],
    ['end with their last step', [[0], [0], [0], [0]], [false, false, true, false]],
    [
      'take several steps at once',
      [
        [0, 2],
        [0, 1],
        [0, 9],
        [0, 2],
      ],
      [false, true, true, false],
    ],
    ['count bytes and steps apart', [[9], [0], [0]], [false, false, true]],
  ])('%s', (_, spent, ends) => {
    const { slices, turns } = counted({ bytes: 10, steps: 3 });
    expect(spent.map(([bytes, steps]) => slices.spent(bytes, steps) !== undefined)).toEqual(ends);
    expect(turns()).toBe(ends.filter(Boolean).length);
  });

  test('begin anew after a rest', () => {
    const { slices, turns } = counted({ bytes: 10, steps: 3 });
    void slices.spent(9, 2);
    void slices.rest();
    expect([slices.spent(9, 2), turns()]).toEqual([undefined, 1]);
  });
});
