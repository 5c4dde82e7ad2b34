import { readdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { Worker } from 'node:worker_threads';
import { describe, expect, onTestFinished, test } from 'vitest';
import { lockSpool } from '../../src/audit/spool-lock.ts';
import { compiledCli } from '../support/cli-process.ts';
import { tempFolder } from '../support/temp-folder.ts';

const MODULE = join(dirname(compiledCli().main), '..', 'audit', 'spool-lock.js');
const THREADS = 6;
const ROUNDS = 40;

/** Locks one folder a round at the moment at which all others do; says in which rounds it had it. */
const RIVAL = `
const { parentPort, workerData } = require('node:worker_threads');
const { module, folders, gate, threads } = workerData;
const meet = (round) => {
  if (Atomics.add(gate, round, 1) === threads - 1) Atomics.notify(gate, round);
  else for (let n; (n = Atomics.load(gate, round)) < threads; ) Atomics.wait(gate, round, n, 1);
};
import(module).then(({ lockSpool }) => {
  const had = folders.flatMap((folder, round) => {
    meet(round);
    try {
      lockSpool(folder);
      return [round];
    } catch (error) {
      if (error.code === 'spool_locked') return [];
      throw error;
    }
  });
  parentPort.postMessage(had);
});`;

async function rivals(folders: readonly string[]): Promise<readonly number[]> {
  const gate = new Int32Array(new SharedArrayBuffer(4 * folders.length));
  const workerData = { module: MODULE, folders, gate, threads: THREADS };
  const had = Array.from({ length: THREADS }, () => {
    const worker = new Worker(RIVAL, { eval: true, workerData });
    onTestFinished(async () => void (await worker.terminate()));
    return new Promise<number[]>((resolve, reject) => worker.once('message', resolve).once('error', reject));
  });
  return (await Promise.all(had)).flat();
}

describe('AUDIT-3 a spool is of one process', () => {
  test.each([
    ['that nobody had', undefined],
    ['of a process that died', '4194305 1\n'],
    ['that was left', ''],
  ])('of several that come at once to a folder %s one has it', async (_, lock) => {
    const folders = await Promise.all(Array.from({ length: ROUNDS }, () => tempFolder()));
    if (lock !== undefined)
      await Promise.all(folders.map((folder) => writeFile(join(folder, 'lock-0000000007'), lock)));
    const had = await rivals(folders);
    expect([...had].sort((a, b) => a - b)).toEqual(folders.map((__, round) => round));
  });

  test('whoever leaves lets the next one in, and one file stays', async () => {
    const folder = await tempFolder();
    for (let round = 0; round < 3; round += 1) {
      const leave = lockSpool(folder);
      expect(() => lockSpool(folder)).toThrow(expect.objectContaining({ code: 'spool_locked' }));
      leave();
    }
    expect(await readdir(folder)).toEqual(['lock-0000000003']);
  });
});
