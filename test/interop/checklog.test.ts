import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { buildGoTool, type GoTool, goMissing } from './go-tool.ts';
import { type LogProcess, startLogProcess } from './log-process.ts';

const ENTRIES = 1_300;
// Around powers of two, tile ends and the sizes between two appends.
const SIZES = [1, 2, 3, 4, 5, 7, 8, 9, 127, 128, 255, 256, 257, 511, 512, 513, 769, 1_000, 1_024, 1_025];

describe.skipIf(goMissing() !== undefined)("Go's sumdb/note and sumdb/tlog", () => {
  let tool: GoTool;
  let log: LogProcess;

  beforeAll(async () => {
    tool = await buildGoTool('./checklog');
    log = await startLogProcess();
    await log.append(ENTRIES);
  });
  afterAll(async () => {
    await log?.[Symbol.asyncDispose]();
    await tool?.[Symbol.asyncDispose]();
  });

  test('accept the checkpoint, the root of all entries and the proofs at and between many sizes', async () => {
    const { stdout, stderr } = await tool.run(['-url', log.url, '-vkey', log.vkey, '-sizes', `${SIZES}`]);
    expect(stderr).toBe('');
    const pairs = ((SIZES.length + 1) * (SIZES.length + 2)) / 2;
    expect(JSON.parse(stdout)).toEqual({
      size: ENTRIES,
      inclusion: expect.any(Number),
      consistency: pairs,
    });
  });

  test('refuse the checkpoint of another key', async () => {
    await using other = await startLogProcess();
    const { exitCode, stderr } = await tool.run(['-url', log.url, '-vkey', other.vkey]);
    expect(exitCode).toBe(1);
    expect(stderr).toContain('checkpoint: ');
  });
});
