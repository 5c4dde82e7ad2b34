import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { buildGoTool, type GoTool, goMissing, type ToolRun } from './go-tool.ts';
import { type LogProcess, startLogProcess } from './log-process.ts';

/** A main package below internal/: it may not be imported, but it may be built and run as a tool of our module. */
const HAMMER = 'github.com/transparency-dev/tessera/internal/hammer';
const LEAVES = 5_000;
const WRITES_PER_SECOND = 1_000;

describe.skipIf(goMissing() !== undefined)("Tessera's hammer", () => {
  let tool: GoTool;
  let log: LogProcess;

  beforeAll(async () => {
    tool = await buildGoTool(HAMMER);
    log = await startLogProcess();
  });
  afterAll(async () => {
    await log?.[Symbol.asyncDispose]();
    await tool?.[Symbol.asyncDispose]();
  });

  /** Bounded in leaves, rate and time: past its own time limit it exits with 1. */
  async function hammer(token: string, limit: string): Promise<ToolRun> {
    const where = ['--log_url', `${log.url}/`, '--log_public_key', log.vkey, '--bearer_token_write', token];
    const writers = ['--num_writers', '64', '--max_write_ops', `${WRITES_PER_SECOND}`];
    const readers = ['--num_readers_random', '4', '--num_readers_full', '4', '--max_read_ops', '500'];
    const bounds = ['--leaf_write_goal', `${LEAVES}`, '--max_runtime', limit, '--show_ui=false'];
    return tool.run([...where, ...writers, ...readers, ...bounds, '--leaf_min_size', '300']);
  }

  test(`writes ${LEAVES} leaves through POST add, reads them, and warns of nothing`, async () => {
    const { exitCode, stderr } = await hammer(log.token, '90s');
    // What goes wrong is a warning to it, and its exit code stays 0.
    const warnings = untilGoal(stderr).filter((line) => /^[WEF]\d{4} /.test(line));
    expect(warnings).toEqual([]);
    expect(exitCode).toBe(0);
    const checkpoint = await (await fetch(`${log.url}/checkpoint`)).text();
    expect(Number(checkpoint.split('\n')[1])).toBeGreaterThanOrEqual(LEAVES);
  });

  test('warns when its writes are refused', async () => {
    const { exitCode, stderr } = await hammer('stele_00000000_none', '3s');
    expect(stderr).toMatch(/^W\d{4} .*write leaf was not OK. Status code: 401/m);
    expect(exitCode).toBe(1);
  });
});

/** Its lines before it ends itself: then it cuts off its own requests, and calls that an error, too. */
function untilGoal(stderr: string): string[] {
  const lines = stderr.split('\n');
  const goal = lines.findIndex((line) => line.includes('Reached tree size goal'));
  expect(goal).toBeGreaterThan(0);
  return lines.slice(0, goal);
}
