import { rename } from 'node:fs/promises';
import { describe, expect, test } from 'vitest';
import type { TlogError } from '../../src/core/error.ts';
import { createApp } from '../../src/http/app.ts';
import { systemClock } from '../../src/runtime/clock.ts';
import { logPaths } from '../../src/sequencer/data-directory.ts';
import { LogSet } from '../../src/sequencer/log-set.ts';
import { logOnFiles } from '../../src/sequencer/open-log.ts';
import { type DiskSpace, Reserve } from '../../src/sequencer/reserve.ts';
import { startLog } from '../../src/sequencer/start-log.ts';
import { newDataDirectory } from '../support/test-log.ts';

const GIB = 1024 ** 3;

/** A disk and a clock that the test moves. */
class Disk {
  space: DiskSpace;
  nowMs = 0;
  measured = 0;

  constructor(freeBytes: number, totalBytes: number) {
    this.space = { freeBytes, totalBytes };
  }

  reserve(bytes?: number): Reserve {
    const measure = (): DiskSpace => {
      this.measured += 1;
      return this.space;
    };
    return new Reserve(measure, () => this.nowMs, bytes);
  }

  set freeBytes(freeBytes: number) {
    this.space = { ...this.space, freeBytes };
    this.nowMs += 1_000;
  }
}

const codeOf = (run: () => void): string => {
  try {
    run();
    return 'admitted';
  } catch (error) {
    return (error as TlogError).code;
  }
};

describe('SEQ-11 how much stays free', () => {
  test.each([
    ['5 % of a small volume', 10 * GIB, undefined, Math.floor(GIB / 2)],
    ['1 GiB of a large one', 100 * GIB, undefined, GIB],
    ['1 GiB where both are the same', 20 * GIB, undefined, GIB],
    ['what the operator says', 100 * GIB, 4096, 4096],
    ['nothing when off', 100 * GIB, 0, 0],
  ])('%s', (_, totalBytes, bytes, expected) => {
    expect(new Disk(totalBytes, totalBytes).reserve(bytes).bytes).toBe(expected);
  });

  test.each([
    ['the last byte above it', 1_000, 400, 500, 100, 'admitted'],
    ['one byte too many', 1_000, 401, 500, 100, 'storage_full'],
    ['one waiting byte too many', 1_000, 400, 500, 101, 'storage_full'],
    ['below it already', 499, 0, 500, 0, 'storage_full'],
    ['off, on a full disk', 0, 10, 0, 10, 'admitted'],
  ])('%s', (_, free, bytes, reserve, waiting, expected) => {
    const disk = new Disk(free, 10_000);
    expect(codeOf(() => disk.reserve(reserve).admit(bytes, waiting))).toBe(expected);
    expect(disk.reserve(reserve).hasRoom(bytes + waiting)).toBe(expected === 'admitted');
  });

  test('room is taken as soon as there is some', () => {
    const disk = new Disk(10_000, 10_000);
    const reserve = disk.reserve(500);
    for (const [free, expected] of [
      [501, 'admitted'],
      [500, 'storage_full'],
      [0, 'storage_full'],
      [501, 'admitted'],
    ] as const) {
      disk.freeBytes = free;
      expect(codeOf(() => reserve.admit(1, 0))).toBe(expected);
    }
  });

  test('a disk with much room is measured seldom, one without at each request', () => {
    const disk = new Disk(GIB, GIB);
    const reserve = disk.reserve(1_000);
    for (let i = 0; i < 100; i += 1) reserve.admit(1_000, 0);
    expect(disk.measured).toBe(1);
    // A quarter of what is above the reserve may go unmeasured, and no more.
    reserve.admit(GIB / 4, 0);
    expect(disk.measured).toBe(2);
    for (let i = 0; i < 100; i += 1) reserve.admit(1_000, 0);
    expect(disk.measured).toBe(2);
    disk.freeBytes = 999;
    for (let i = 0; i < 3; i += 1) expect(reserve.hasRoom(0)).toBe(false);
    expect(disk.measured).toBe(5);
  });
});

describe('SEQ-11 a log on a disk that fills up', () => {
  test('refuses with 507, says so in /readyz and /metrics, and resumes by itself', async () => {
    const dir = await newDataDirectory();
    const disk = new Disk(2_000, 10_000);
    const clock = { ...systemClock, monotonicMs: () => disk.nowMs };
    const deps = { ...(await logOnFiles({ dir, clock }, 'main')), diskSpace: () => disk.space };
    const log = await startLog(deps, { reserveBytes: 1_000 });
    const app = createApp({
      logs: { names: () => ['main'], get: () => log },
      tokens: () => [],
      clock: systemClock,
    });
    const entry = Buffer.alloc(100);
    await log.append({ entries: [entry] });
    disk.freeBytes = 1_050;
    await expect(log.append({ entries: [entry] })).rejects.toMatchObject({ code: 'storage_full' });
    disk.freeBytes = 900;
    const ready = await app.request('/readyz');
    expect([ready.status, ready.headers.get('retry-after')]).toEqual([507, expect.stringMatching(/^[1-9]/)]);
    expect(await ready.json()).toMatchObject({ code: 'storage_full', logs: ['main'] });
    const metrics = await (await app.request('/metrics')).text();
    expect(metrics).toContain('stele_log_volume_free_bytes{log="main"} 900');
    expect(metrics).toContain('stele_log_reserve_bytes{log="main"} 1000');
    // Reading goes on.
    expect((await app.request('/logs/main/checkpoint')).status).toBe(200);
    disk.freeBytes = 5_000;
    expect((await log.append({ entries: [entry] })).indexes).toEqual([1]);
    expect((await app.request('/readyz')).status).toBe(200);
    await log.close();
  });
});

describe('STORE-8 a log that nobody writes to', () => {
  test('notices that its database is gone', async () => {
    const dir = await newDataDirectory();
    const { db } = logPaths(dir, 'main');
    await using logs = await LogSet.open({ dir, clock: systemClock });
    await rename(db, `${db}.moved`);
    expect(await logs.failed).toMatchObject({
      code: 'data_lost',
      message: expect.stringMatching(/^log main: /),
    });
  });
});
