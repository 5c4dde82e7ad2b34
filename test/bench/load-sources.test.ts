import { describe, expect, test } from 'vitest';
import { ENTRY_BYTES, EntrySource, seededRandom } from '../../bench/harness/entries.ts';
import { EVENT_BYTES, EventSource } from '../../bench/harness/events.ts';
import { dueTimes } from '../../bench/harness/open-load.ts';
import { measureInTurns } from '../../bench/harness/rounds.ts';
import { countCalls } from '../../bench/harness/strace.ts';
import { chosenRows, PACES, readArguments } from '../../bench/run/arguments.ts';
import { parseEvent } from '../../src/core/event/event.ts';
import { slotValues } from '../../src/core/event/slots.ts';
import { sample } from './fixture.ts';

describe('entries', () => {
  const source = new EntrySource();

  test('never repeat, over many blocks of random bytes, and hold no line break', () => {
    const made = Array.from({ length: 5_000 }, () => source.entry().toString('latin1'));
    expect(new Set(made).size).toBe(made.length);
    for (const entry of made) expect(entry).toMatch(/^[\w-]{300}$/);
  });

  test('come as lines, as a bundle, and back to back', () => {
    const lines = source.lines(3);
    expect(
      lines
        .toString()
        .split('\n')
        .map((line) => line.length),
    ).toEqual([ENTRY_BYTES, ENTRY_BYTES, ENTRY_BYTES, 0]);
    const bundle = source.bundle(2);
    expect([bundle.length, bundle.readUInt16BE(0), bundle.readUInt16BE(302)]).toEqual([604, 300, 300]);
    expect(bundle.toString('latin1', 304)).toMatch(/^[\w-]{300}$/);
    expect(source.plain(2)).toHaveLength(2 * ENTRY_BYTES);
  });
});

describe('events', () => {
  const source = new EventSource();

  test('are audit events with every member and an id of their own, all of one length', () => {
    const events = [source.event().toString(), ...source.lines(400).toString().trimEnd().split('\n')];
    const ids = events.map((event) => {
      expect(event).toHaveLength(EVENT_BYTES);
      const values = slotValues(parseEvent(event));
      expect(values).not.toContain(null);
      return parseEvent(event).id;
    });
    expect(new Set(ids).size).toBe(401);
  });
});

test('the same seed gives the same numbers, all in [0, 1)', () => {
  const numbers = (seed: number) => Array.from({ length: 100 }, seededRandom(seed));
  expect(numbers(1)).toEqual(numbers(1));
  expect(numbers(1)).not.toEqual(numbers(2));
  for (const n of numbers(3)) expect(n >= 0 && n < 1).toBe(true);
});

test('requests at a set rate are due at random, in order, as many as the rate says', () => {
  const times = dueTimes(500, { perSec: 1_000, seconds: 10, random: seededRandom(7) });
  expect(times.length).toBeGreaterThan(9_500);
  expect(times.length).toBeLessThan(10_500);
  expect(times).toEqual([...times].sort((a, b) => a - b));
  expect(times[0]).toBeGreaterThan(500);
  expect(times.at(-1)).toBeLessThan(10_500);
});

test('contenders are warmed up, then measured in turns, so that pairs are neighbours in time', async () => {
  const calls: string[] = [];
  const contender = (name: string) => ({
    name,
    measure: async (seconds: number) => {
      calls.push(`${name}${seconds}`);
      return sample({ perSec: calls.length });
    },
    [Symbol.asyncDispose]: async () => {},
  });
  const pace = { rounds: 2, seconds: 5, warmUpSeconds: 1, restMs: 0 };
  const seen: string[] = [];
  const samples = await measureInTurns([contender('a'), contender('b')], pace, (name) => seen.push(name));
  expect(calls).toEqual(['a1', 'b1', 'a5', 'b5', 'a5', 'b5']);
  expect(seen).toEqual(['a', 'b', 'a', 'b']);
  expect(samples['a']?.map(({ perSec }) => perSec)).toEqual([3, 5]);
  expect(samples['b']?.map(({ perSec }) => perSec)).toEqual([4, 6]);
});

describe('syncs in what strace wrote', () => {
  test.each([
    ['none', '1 openat(AT_FDCWD, "a", O_RDONLY) = 5\n1 write(5, ""..., 3) = 3\n', 0],
    ['calls', '1 fdatasync(20) = 0\n2 fsync(3) = 0\n', 2],
    ['a call in two parts', '1 fsync(3 <unfinished ...>\n2 close(9) = 0\n1 <... fsync resumed>) = 0\n', 1],
    [
      'a file open for synced writes before',
      '1 pwrite64(7, ""..., 4096, 0) = 4096\n1 write(8, ""..., 1) = 1\n',
      1,
    ],
    [
      'a file opened for synced writes',
      '1 openat(3, "a", O_WRONLY|O_SYNC, 0644) = 9\n1 write(9, ""..., 5) = 5\n',
      1,
    ],
    [
      'only until it is closed',
      '1 openat(3, "a", O_SYNC) = 9\n1 close(9) = 0\n1 write(9, ""..., 5) = 5\n',
      0,
    ],
    [
      'one that was opened in two parts, by the thread that opened it',
      '1 openat(3, "a", O_DSYNC <unfinished ...>\n2 openat(3, "b", O_RDONLY <unfinished ...>\n2 <... openat resumed>) = 4\n1 <... openat resumed>) = 9\n1 write(9, "") = 1\n2 write(4, "") = 1\n',
      1,
    ],
  ])('%s', (_, text, wanted) => {
    expect(countCalls(text, new Set([7]))).toBe(wanted);
  });
});

describe('the command line', () => {
  test('has a pace for each mode, and takes others', () => {
    expect(readArguments([])).toMatchObject({
      mode: 'quick',
      pace: PACES.quick,
      only: undefined,
      resume: false,
    });
    expect(readArguments(['--full', '--rounds', '9'])).toMatchObject({
      mode: 'full',
      pace: { ...PACES.full, rounds: 9 },
    });
    expect(readArguments(['a', 'b', '--only', 'x,y'])).toMatchObject({ rest: ['a', 'b'], only: ['x', 'y'] });
  });

  test.each([[['--rounds', '0']], [['--seconds', 'x']], [['--other']]])('refuses %j', (args) => {
    expect(() => readArguments(args)).toThrow(TypeError);
  });

  test('takes rows in the order of the table, and none that it does not know', () => {
    const row = (name: string) => ({ name, title: name, run: async () => ({ findings: [] }) });
    const rows = [row('a'), row('b'), row('c')];
    expect(chosenRows(rows, ['c', 'a']).map(({ name }) => name)).toEqual(['a', 'c']);
    expect(chosenRows(rows, undefined)).toBe(rows);
    expect(() => chosenRows(rows, ['d'])).toThrow('no row d; there are a b c');
  });
});
