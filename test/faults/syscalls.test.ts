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

  test('in a start: refused or ended, and the next start finds everything', async () => {
    await using sweep = await SyscallSweep.create({ programs, seed: SEED });
    const runs = await sweep.starts(20);
    console.info(summary(runs));
    expect(runs).toHaveLength(20);
    expect(runs.filter((run) => run.wrong !== undefined)).toEqual([]);
  });

  test('in a commit: the process ends with 70, and the next start finds everything', async () => {
    await using sweep = await SyscallSweep.create({ programs, seed: SEED });
    const runs = await sweep.commits(12);
    console.info(summary(runs));
    expect(runs).toHaveLength(12);
    expect(runs.filter((run) => run.wrong !== undefined)).toEqual([]);
  });
});
