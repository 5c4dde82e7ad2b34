import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { buildGoTool, type GoTool, goMissing, type ToolRun } from './go-tool.ts';
import { type LogProcess, startLogProcess } from './log-process.ts';

const FSCK = 'github.com/transparency-dev/tessera/cmd/fsck';
// Three levels of tiles, each with a partial tile at its edge.
const ENTRIES = 100_000;

describe.skipIf(goMissing() !== undefined)("Tessera's fsck", () => {
  let tool: GoTool;
  let log: LogProcess;

  beforeAll(async () => {
    tool = await buildGoTool(FSCK);
    log = await startLogProcess();
  });
  afterAll(async () => {
    await log?.[Symbol.asyncDispose]();
    await tool?.[Symbol.asyncDispose]();
  });

  async function fsck(storageUrl: string): Promise<ToolRun> {
    const key = join(tool.folder, 'vkey');
    await writeFile(key, log.vkey);
    const flags = ['--storage_url', storageUrl, '--origin', log.origin, '--public_key', key];
    return tool.run([...flags, '--ui=false', '--N', '256']);
  }

  test(`accepts every tile and bundle of a log of ${ENTRIES} entries`, async () => {
    await log.append(ENTRIES);
    // Its exit code is 0 even for a broken log: only this line says that the log is good.
    const { stderr } = await fsck(`${log.url}/`);
    expect(stderr).toContain(`Successfully fsck'd log with size ${ENTRIES} `);
  });

  test('does not say so of an address without a log', async () => {
    const { stderr } = await fsck(`${log.url}-none/`);
    expect(stderr).toContain('fsck failed');
    expect(stderr).not.toContain('Successfully');
  });
});
