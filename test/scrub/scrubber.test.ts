import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { createApp } from '../../src/http/app.ts';
import type { Clock } from '../../src/runtime/clock.ts';
import { nodeHasher } from '../../src/runtime/node-hasher.ts';
import { progressFile } from '../../src/scrub/progress-file.ts';
import { Scrubber, type ScrubStatus } from '../../src/scrub/scrubber.ts';
import { FINDINGS_MAX } from '../../src/sequencer/damage-record.ts';
import type { StoredLog } from '../../src/sequencer/stored-log.ts';
import { bundleKey, keptKey } from '../../src/store/rows.ts';
import { parseState } from '../../src/store/state-file.ts';
import { fill, flipped, type RottingLog, rottingLog } from '../support/rotting-log.ts';

const DAY_MS = 86_400_000;
const START_MS = Date.UTC(2050, 0, 1);

/** A clock that the test owns: a sleep is over at once and moves it on. */
class TestClock implements Clock {
  ms = START_MS;
  readonly sleeps: number[] = [];
  /** Sleeps no longer once this is reached, until the scrubber is closed. */
  endMs = Number.POSITIVE_INFINITY;
  #reached: () => void = () => undefined;
  readonly atEnd = new Promise<void>((resolve) => {
    this.#reached = resolve;
  });

  nowMs = (): number => this.ms;
  monotonicMs = (): number => this.ms;
  turns = 0;
  nextTurn = (): Promise<void> => {
    this.turns += 1;
    return new Promise((resolve) => setImmediate(resolve));
  };
  sleep = async (ms: number, signal?: AbortSignal): Promise<void> => {
    this.sleeps.push(ms);
    this.ms += ms;
    if (this.ms < this.endMs || signal === undefined) return new Promise((resolve) => setImmediate(resolve));
    this.#reached();
    if (!signal.aborted)
      await new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve()));
  };
}

interface Scrubbed {
  readonly scrubber: Scrubber;
  readonly clock: TestClock;
  readonly troubles: unknown[];
}

/** A scrubber that goes on until the clock has reached a time. */
function scrub({ dir, log }: RottingLog, end: { ms: number }, stored: StoredLog = log.stored()): Scrubbed {
  const clock = new TestClock();
  clock.ms = Math.max(START_MS, lastMs);
  clock.endMs = clock.ms + end.ms;
  const troubles: unknown[] = [];
  const scrubber = Scrubber.start({
    log: stored,
    hasher: nodeHasher,
    clock,
    file: progressFile(join(dir.dataPath, 'logs/main')),
    periodMs: DAY_MS,
    onTrouble: (error) => troubles.push(error),
  });
  onTestFinished(() => scrubber.close());
  return { scrubber, clock, troubles };
}
let lastMs = 0;

async function filled(size: number): Promise<RottingLog> {
  lastMs = 0;
  const rotting = await rottingLog();
  await fill(rotting.log, 0, size);
  return rotting;
}

describe('SCRUB-2 the pace', () => {
  test('a small log is read again in minutes, then rests until a day after the start', async () => {
    const rotting = await filled(3_000);
    const { scrubber, clock } = scrub(rotting, { ms: 2 * DAY_MS + 1_000 });
    await clock.atEnd;
    const { lastPass, pass } = scrubber.status();
    expect(lastPass).toMatchObject({
      startedAtMs: START_MS + DAY_MS,
      treeSize: 3_000,
      entriesChecked: 3_000,
    });
    expect((lastPass?.finishedAtMs ?? 0) - (START_MS + DAY_MS)).toBeLessThan(60_000);
    expect(pass?.startedAtMs).toBe(START_MS + 2 * DAY_MS);
    const rests = clock.sleeps.filter((ms) => ms < DAY_MS / 2);
    expect(Math.max(...rests)).toBe(250);
    // Of the clock that it was given: 3,000 entries twice, at most 128 hashes between two turns.
    expect(clock.turns).toBeGreaterThanOrEqual((2 * 3_000) / 128);
  });

  test('a pass that is behind its time makes no long rests', async () => {
    const rotting = await filled(3_000);
    const first = scrub(rotting, { ms: 500 });
    await first.clock.atEnd;
    await first.scrubber.close();
    lastMs = START_MS + DAY_MS * 0.95;
    const { scrubber, clock } = scrub(rotting, { ms: 60_000 });
    while (scrubber.status().lastPass === undefined) await new Promise((resolve) => setImmediate(resolve));
    expect(
      clock.sleeps.reduce((sum, ms) => sum + (ms < DAY_MS / 2 && ms !== clock.sleeps.at(-1) ? ms : 0), 0),
    ).toBe(0);
  });
});

describe('SCRUB-3 progress', () => {
  test('outlives the process: a pass goes on where it was', async () => {
    const rotting = await filled(3_000);
    const first = scrub(rotting, { ms: 1_600 });
    await first.clock.atEnd;
    await first.scrubber.close();
    const before = first.scrubber.status().pass;
    expect(before?.entriesChecked).toBeGreaterThan(0);
    expect(before?.entriesChecked).toBeLessThan(2_560);
    lastMs = first.clock.ms;

    let reads = 0;
    const stored = rotting.log.stored();
    const counted: StoredLog['stored'] = {
      getMany: (keys) => stored.stored.getMany(keys),
      iterate: (range) => {
        reads += range.start[0] === bundleKey(0)[0] ? 1 : 0;
        return stored.stored.iterate(range);
      },
    };
    const second = scrub(rotting, { ms: 60_000 }, { ...stored, stored: counted });
    await second.clock.atEnd;
    expect(second.scrubber.status().lastPass).toMatchObject({ startedAtMs: START_MS, entriesChecked: 3_000 });
    expect(reads).toBe(11 - (before?.entriesChecked ?? 0) / 256);
  });

  test.each([
    ['no JSON', 'x'],
    [
      'of an older copy',
      '{"schema":1,"pass":{"startedAtMs":0,"treeSize":9999,"phase":"bundles","next":20,"steps":0,"entriesChecked":0,"rowsChecked":0,"findings":0}}',
    ],
    [
      'of no phase',
      '{"schema":1,"pass":{"startedAtMs":0,"treeSize":9,"phase":"x","next":0,"steps":0,"entriesChecked":0,"rowsChecked":0,"findings":0}}',
    ],
  ])('that is %s is begun anew', async (_, text) => {
    const rotting = await filled(600);
    await writeFile(join(rotting.dir.dataPath, 'logs/main/scrub.json'), text);
    const { scrubber, clock } = scrub(rotting, { ms: 60_000 });
    await clock.atEnd;
    expect(scrubber.status().lastPass).toMatchObject({
      startedAtMs: START_MS,
      entriesChecked: 600,
      findings: 0,
    });
    expect(rotting.log.findings).toEqual([]);
  });

  test('that cannot be kept is told, and scrubbing goes on', async () => {
    const rotting = await filled(600);
    await mkdir(join(rotting.dir.dataPath, 'logs/main/scrub.json.new'));
    const { scrubber, clock, troubles } = scrub(rotting, { ms: 60_000 });
    await clock.atEnd;
    expect(scrubber.status().lastPass?.entriesChecked).toBe(600);
    expect(troubles[0]).toMatchObject({ code: 'EISDIR' });
  });
});

describe('SCRUB-5 what a pass finds', () => {
  test('stops the log, and the pass goes on to its end', async () => {
    const rotting = await filled(1_000);
    await rotting.change(bundleKey(0), (value) => flipped(value, 3));
    await rotting.rot(bundleKey(2), 3);
    const { scrubber, clock } = scrub(rotting, { ms: 60_000 });
    await clock.atEnd;
    expect(scrubber.status().lastPass).toMatchObject({ findings: 2, treeSize: 1_000 });
    expect(rotting.log.findings).toMatchObject([
      {
        part: 'bundle',
        index: 0,
        entry: 0,
        foundBy: 'scrub',
        expected: expect.stringMatching(/^[0-9a-f]{64}$/),
      },
      { part: 'bundle', index: 2, foundBy: 'scrub' },
    ]);
    await expect(fill(rotting.log, 1_000, 1_001)).rejects.toMatchObject({ code: 'log_damaged' });
  });

  test.each([
    ['twice is asked again', 2, []],
    [
      'three times counts as damage of what could not be read',
      3,
      [expect.stringContaining('bundles cannot be read')],
    ],
  ])('a disk that does not answer %s', async (_, times, messages) => {
    const rotting = await filled(600);
    const stored = rotting.log.stored();
    let failures = times;
    const iterate: StoredLog['stored']['iterate'] = (range) => {
      if (range.start[0] !== bundleKey(0)[0] || failures === 0) return stored.stored.iterate(range);
      failures -= 1;
      throw Object.assign(new Error('a bad disk'), { code: 'LEVEL_IO_ERROR' });
    };
    const failing = { getMany: stored.stored.getMany.bind(stored.stored), iterate };
    const { scrubber, clock, troubles } = scrub(rotting, { ms: 120_000 }, { ...stored, stored: failing });
    await clock.atEnd;
    expect(troubles).toHaveLength(times);
    expect(rotting.log.findings.map(({ message }) => message)).toEqual(messages);
    expect(scrubber.status().lastPass).toMatchObject({ findings: messages.length });
  });
});

describe('SCRUB-7 what is told', () => {
  test('by GET audit and by metrics', async () => {
    const rotting = await filled(1_000);
    const { scrubber, clock } = scrub(rotting, { ms: 60_000 });
    await clock.atEnd;
    rotting.log
      .stored()
      .report({ row: bundleKey(1), message: 'a test says so', expected: 'aa', actual: 'bb' });
    const app = createApp({
      logs: { names: () => ['main'], get: () => rotting.log },
      tokens: () => [],
      clock,
      scrub: (name): ScrubStatus | undefined => (name === 'main' ? scrubber.status() : undefined),
    });
    const answer = await app.request('/logs/main/audit');
    expect(answer.status).toBe(200);
    expect(await answer.json()).toMatchObject({
      log: 'main',
      treeSize: 1_000,
      signs: false,
      findings: [{ part: 'bundle', index: 1, expected: 'aa', actual: 'bb', whatNext: expect.any(String) }],
      scrub: {
        periodSec: 86_400,
        lastPass: { startedAt: '2050-01-01T00:00:00.000Z', entriesChecked: 1_000, result: 'clean' },
      },
    });
    const metrics = await (await app.request('/metrics')).text();
    expect(metrics).toContain('stele_log_findings{log="main"} 1\n');
    expect(metrics).toContain('stele_scrub_progress_ratio{log="main"} 1\n');
    expect(metrics).toContain(`stele_scrub_pass_started_seconds{log="main"} ${START_MS / 1_000}\n`);
    expect((await app.request('/logs/main/tile/entries/001')).status).toBe(500);
    expect((await app.request('/logs/main/tile/entries/000')).status).toBe(200);
    const ready = await app.request('/readyz');
    expect([ready.status, (await ready.json()).code]).toEqual([503, 'log_damaged']);
  });

  test('beyond 1,000 findings the sorts of which no row is served, and how many there are more', async () => {
    const rotting = await filled(1_000);
    const app = createApp({
      logs: { names: () => ['main'], get: () => rotting.log },
      tokens: () => [],
      clock: { nowMs: () => 0 },
    });
    const { report } = rotting.log.stored();
    for (let i = 0; i < FINDINGS_MAX; i += 1) report({ row: keptKey(2_000 + i), message: 'a test says so' });
    const few = await (await app.request('/logs/main/audit')).json();
    expect(few.findings).toHaveLength(FINDINGS_MAX);
    expect([few.moreFindings, few.withheldSorts]).toEqual([undefined, undefined]);
    expect((await app.request('/logs/main/tile/entries/000')).status).toBe(200);
    report({ row: bundleKey(2), message: 'a test says so' });
    expect(await (await app.request('/logs/main/audit')).json()).toMatchObject({
      signs: false,
      moreFindings: 1,
      withheldSorts: ['bundle'],
    });
    const metrics = await (await app.request('/metrics')).text();
    expect(metrics).toContain(`stele_log_findings{log="main"} ${FINDINGS_MAX + 1}\n`);
    // Made ready before, and right: of its sort nothing is served all the same.
    const bundle = await app.request('/logs/main/tile/entries/000');
    expect([bundle.status, (await bundle.json()).code]).toEqual([500, 'storage_corrupt']);
    expect((await app.request('/logs/main/tile/0/000')).status).toBe(200);
  });

  test('a tile that was made ready before is asked for again once there is a finding', async () => {
    const rotting = await filled(600);
    const app = createApp({
      logs: { names: () => ['main'], get: () => rotting.log },
      tokens: () => [],
      clock: { nowMs: () => 0 },
    });
    const ask = async (): Promise<number> => (await app.request('/logs/main/tile/entries/000')).status;
    expect(await ask()).toBe(200);
    rotting.log.stored().report({ row: bundleKey(0), message: 'a test says so' });
    expect(await ask()).toBe(500);
  });
});

test('SCRUB-3 a closed scrubber has kept its progress and reads no more', async () => {
  const rotting = await filled(3_000);
  const { scrubber, clock } = scrub(rotting, { ms: 1_000 });
  await clock.atEnd;
  await scrubber.close();
  await scrubber[Symbol.asyncDispose]();
  const kept = parseState(await readFile(join(rotting.dir.dataPath, 'logs/main/scrub.json'), 'utf8'));
  const { progress: _, ...pass } = scrubber.status().pass ?? { progress: 0 };
  expect(kept).toEqual({ schema: 1, pass });
  await rotting.log.close();
});
