import { describe, expect, test } from 'vitest';
import { Turns } from '../../src/monitor/turns.ts';

const upTo = (count: number): string[] => Array.from({ length: count }, (_, i) => `note ${i}`);
const turnsOfNotes = (): Turns => new Turns({ notesMax: 100, bytesMax: 1_000_000 });

describe('GOSSIP-2 heads beyond those that one exchange takes', () => {
  test.each([0, 1, 99, 100])('%d are all taken each time', (count) => {
    const turns = turnsOfNotes();
    expect(turns.take(upTo(count))).toEqual(upTo(count));
    expect(turns.take(upTo(count))).toEqual(upTo(count));
  });

  test.each([101, 150, 250, 1_000])('of %d each has its turn', (count) => {
    const turns = turnsOfNotes();
    const taken = Array.from({ length: Math.ceil(count / 100) }, () => turns.take(upTo(count)));
    expect(taken.map(({ length }) => length)).toEqual(taken.map(() => 100));
    expect(new Set(taken.flat())).toEqual(new Set(upTo(count)));
  });

  test('also when the list gets shorter in between', () => {
    const turns = turnsOfNotes();
    turns.take(upTo(1_000));
    turns.take(upTo(1_000));
    expect(new Set([...turns.take(upTo(120)), ...turns.take(upTo(120))]).size).toBe(120);
  });

  test('a long note takes a turn, and no other waits longer for it', () => {
    // As JSON, with a comma, it has 50 bytes, and the others 4.
    const long = 'a'.repeat(47);
    const turns = new Turns({ notesMax: 100, bytesMax: 50 });
    const taken = Array.from({ length: 3 }, () => turns.take(['b', long, 'c']));
    expect(taken).toEqual([['b'], [long], ['c', 'b']]);
  });
});
