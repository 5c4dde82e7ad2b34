import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type CompiledPrograms, compilePrograms } from '../crash/programs.ts';
import { straceMissing } from './strace.ts';
import { type SweepRun, SyscallSweep } from './syscall-sweep.ts';

const SEED = Date.now() % 2 ** 32;
let programs: CompiledPrograms;

function summary(runs: readonly SweepRun[]): string {
  const outcomes: Record<string, number> = {};
  for (const { injection, outcome } of runs) {
    const key = `${injection.syscall} ${injection.fault} ${outcome}`;
    outcomes[key] = (outcomes[key] ?? 0) + 1;
  }
  return JSON.stringify(outcomes);
}

describe.skipIf(straceMissing() !== undefined)('SEQ-4 calls to the disk that fail', () => {
  beforeAll(async () => {
    console.info(`syscall seed ${SEED}`);
    programs = await compilePrograms();
  });
  afterAll(() => programs?.[Symbol.asyncDispose]());

  test.each([
    ['main', 12],
    ['audit', 6],
  ] as const)('in a start: refused or ended, and the next start finds everything (%s)', async (log, count) => {
    await using sweep = await SyscallSweep.create({ programs, seed: SEED, log });
    const runs = await sweep.starts(count);
    console.info(summary(runs));
    expect(runs).toHaveLength(count);
    expect(runs.filter((run) => run.wrong !== undefined)).toEqual([]);
  });

  // Each kind of call, with one of the faults.
  test.each([
    ['main', 6],
    ['audit', 7],
  ] as const)('in a commit: the process ends with 70, and the next start finds everything (%s)', async (log, count) => {
    await using sweep = await SyscallSweep.create({ programs, seed: SEED, log });
    const runs = await sweep.commits(count);
    console.info(summary(runs));
    expect(runs).toHaveLength(count);
    expect(runs.filter((run) => run.wrong !== undefined)).toEqual([]);
  });
});
