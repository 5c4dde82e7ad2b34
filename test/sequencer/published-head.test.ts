import { describe, expect, test } from 'vitest';
import { TlogError } from '../../src/core/error.ts';
import { treeSize } from '../../src/core/units.ts';
import { systemClock } from '../../src/runtime/clock.ts';
import { LogSet } from '../../src/sequencer/log-set.ts';
import { type OpenLog, openLog } from '../../src/sequencer/open-log.ts';
import { newDataDirectory } from '../support/test-log.ts';

const clock = systemClock;
const append = (log: OpenLog, entry: string): ReturnType<OpenLog['append']> =>
  log.append({ entries: [new TextEncoder().encode(entry)] });

describe('WITNESSED-9 a log whose published head is behind', () => {
  test('names it among its heads, for its size with its own note', async () => {
    await using log = await openLog({ dir: await newDataDirectory(), clock }, 'main');
    await append(log, 'one');
    expect(log.publishedHead).toBe(log.head);
    const published = { ...log.head, note: `${log.head.note}— w AAAAAAA=\n` };
    log.publishBy({ publishedHead: published });
    expect((await log.keptHeads(treeSize(1), 10)).map(({ note }) => note)).toEqual([published.note]);
    await append(log, 'two');
    await append(log, 'three');
    expect([log.publishedHead, log.head.size]).toEqual([published, 3]);
    expect(await log.keptHead(treeSize(1))).toBe(published);
    expect(await log.keptHead(treeSize(3))).toBe(log.head);
    const sizes = async (from: number, limit: number): Promise<number[]> =>
      (await log.keptHeads(treeSize(from), limit)).map(({ size }) => size);
    const all = await sizes(0, 10);
    expect(all.slice(-2)).toEqual([1, 3]);
    expect(await sizes(2, 10)).toEqual([3]);
    expect(await sizes(1, 1)).toEqual([1]);
    expect(await sizes(4, 10)).toEqual([]);
  });
});

describe('WITNESSED-6 a log that is ended', () => {
  test('takes nothing more, and says what for', async () => {
    await using log = await openLog({ dir: await newDataDirectory(), clock }, 'main');
    const { size } = (await append(log, 'one')).head;
    const waiting = append(log, 'two');
    log.end(new TlogError('fork', 'ended'));
    log.end(new TlogError('witness_ahead', 'ended again'));
    expect((await log.failed).code).toBe('fork');
    await expect(append(log, 'three')).rejects.toMatchObject({ code: 'commit_unknown' });
    await expect(waiting).rejects.toMatchObject({ code: 'commit_unknown' });
    expect(log.head.size).toBe(size);
  });

  test('a log is refused, and let go, when what attends it refuses', async () => {
    const dir = await newDataDirectory();
    const attend = async (): Promise<never> => {
      throw new TlogError('witness_ahead', 'refused');
    };
    await expect(LogSet.open({ dir, clock }, { attend })).rejects.toMatchObject({ code: 'witness_ahead' });
    await using logs = await LogSet.open({ dir, clock });
    expect(logs.opened()).toHaveLength(1);
  });
});
