import { describe, expect, test } from 'vitest';
import { Turns } from '../../src/monitor/turns.ts';

const upTo = (count: number): number[] => Array.from({ length: count }, (_, i) => i);

describe('GOSSIP-2 heads beyond those that one exchange takes', () => {
  test.each([0, 1, 99, 100])('%d are all taken each time', (count) => {
    const turns = new Turns(100);
    expect(turns.take(upTo(count))).toEqual(upTo(count));
    expect(turns.take(upTo(count))).toEqual(upTo(count));
  });

  test.each([101, 150, 250, 1_000])('of %d each has its turn', (count) => {
    const turns = new Turns(100);
    const taken = Array.from({ length: Math.ceil(count / 100) }, () => turns.take(upTo(count)));
    expect(taken.map(({ length }) => length)).toEqual(taken.map(() => 100));
    expect([...new Set(taken.flat())].sort((a, b) => a - b)).toEqual(upTo(count));
  });

  test('also when the list gets shorter in between', () => {
    const turns = new Turns(100);
    turns.take(upTo(1_000));
    turns.take(upTo(1_000));
    expect(new Set([...turns.take(upTo(120)), ...turns.take(upTo(120))]).size).toBe(120);
  });
});
