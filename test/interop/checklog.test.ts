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
      heads: 1,
    });
  });

  test('accept every single size of a log while it grows', async () => {
    await using growing = await startLogProcess();
    const end = 400;
    const check = tool.start(['-url', growing.url, '-vkey', growing.vkey, '-follow', `${end}`]);
    const lines: string[] = [];
    let size = 0;
    const grow = async (count: number): Promise<void> => {
      size += count;
      await growing.append(count);
    };
    await grow(1);
    for await (const line of check) {
      lines.push(line);
      // Two commits a head: the checker finds the log between them, or at work on the second.
      if (size < end) await grow(1 + ((lines.length * 3) % 7)).then(() => grow(1));
    }
    const { heads, consistency, size: checked } = JSON.parse(lines.at(-1) ?? '');
    expect(checked).toBeGreaterThanOrEqual(end);
    expect(lines.filter((line) => line.startsWith('head '))).toHaveLength(heads);
    expect(heads).toBeGreaterThan(50);
    // From each size to the next, the empty tree left out, and from each head to what is beyond it.
    expect(consistency).toBeGreaterThanOrEqual(end - 1);
  });

  test('refuse the checkpoint of another key', async () => {
    await using other = await startLogProcess();
    const { exitCode, stderr } = await tool.run(['-url', log.url, '-vkey', other.vkey]);
    expect(exitCode).toBe(1);
    expect(stderr).toContain('checkpoint: ');
  });
});
