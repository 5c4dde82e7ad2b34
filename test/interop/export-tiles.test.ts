import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { buildGoTool, type GoTool, goMissing } from './go-tool.ts';
import { type LogProcess, startLogProcess } from './log-process.ts';
import { foundGood, TESSERA_FSCK, tesseraFsck } from './tessera-fsck.ts';

// Three levels of tiles, each with a partial tile at its edge.
const ENTRIES = 100_000;

describe.skipIf(goMissing() !== undefined)("FSCK-3 Tessera's fsck on exported files", () => {
  let tool: GoTool;
  let log: LogProcess;
  let folder: string;

  beforeAll(async () => {
    tool = await buildGoTool(TESSERA_FSCK);
    log = await startLogProcess();
    await log.append(ENTRIES);
    await log.stop();
    folder = join(tool.folder, 'tiles');
    await log.command('export-tiles', folder);
  });
  afterAll(async () => {
    await log?.[Symbol.asyncDispose]();
    await tool?.[Symbol.asyncDispose]();
  });

  const said = async (): Promise<string> => (await tesseraFsck(tool, log, pathToFileURL(folder).href)).stderr;

  test(`accepts the folder of a log of ${ENTRIES} entries`, async () => {
    expect(await said()).toContain(foundGood(ENTRIES));
  });

  test.each([
    ['a full bundle', 'tile/entries/123'],
    ['the partial bundle', 'tile/entries/390.p/160'],
    ['a tile of leaf hashes', 'tile/0/200'],
    ['a full tile of level 1', 'tile/1/000'],
    ['the partial tile of level 2', 'tile/2/000.p/1'],
  ])('finds one changed bit in %s', async (_, name) => {
    const path = join(folder, name);
    const good = await readFile(path);
    const last = good.length - 1;
    const bad = Buffer.from(good);
    bad.writeUInt8(bad.readUInt8(last) ^ 1, last);
    await writeFile(path, bad);
    try {
      const heard = await said();
      expect(heard).toContain('fsck failed');
      expect(heard).not.toContain('Successfully');
    } finally {
      await writeFile(path, good);
    }
  });
});
