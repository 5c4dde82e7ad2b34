import { execFile } from 'node:child_process';
import { cp, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { generateSigningKey } from '../../src/keys/generate.ts';
import { systemRandom } from '../../src/runtime/random.ts';
import { buildGoTool, type GoTool, goMissing } from './go-tool.ts';
import { addEntries, filesOf, MAIN, newMonitor, POSIX_LOG, served } from './tessera-log.ts';

const ORIGIN = 'tessera.example/log';

describe.skipIf(goMissing() !== undefined)("MONITOR-1 MONITOR-2 Tessera's log on files, followed", () => {
  const key = generateSigningKey(systemRandom, ORIGIN);
  let tool: GoTool;

  const inFolder = (name: string): string => join(tool.folder, name);
  const add = (log: string, count: number, batch: string): Promise<void> =>
    addEntries(tool, { log: inFolder(log), key: inFolder('key') }, { count, batch });

  beforeAll(async () => {
    tool = await buildGoTool(POSIX_LOG);
    await writeFile(inFolder('key'), key.skey, { mode: 0o600 });
  });
  afterAll(() => tool?.[Symbol.asyncDispose]());

  test('grows through sizes 1, 5 and 305 without a word; what is edited on its disk is told', async () => {
    const url = await served(filesOf(inFolder('log')));
    const { look } = await newMonitor(inFolder('monitor'), `logs: [{vkey: '${key.vkey}', url: '${url}'}]\n`);
    for (const [count, size] of [
      [1, 1],
      [4, 5],
      [300, 305],
    ] as const) {
      await add('log', count, `batch-${size}`);
      expect(await look()).toMatchObject({ code: 0, treeSize: size, kinds: [] });
    }
    for (const [prefix, size, kind] of [
      ['tile/entries/001', 325, 'bad_entry'],
      ['tile/0/001', 345, 'bad_tile'],
    ] as const) {
      await add('log', 20, `batch-${size}`);
      const file = join(inFolder('log'), `${prefix}.p/${size - 256}`);
      const honest = await readFile(file);
      const edited = Buffer.from(honest);
      edited.writeUInt8((edited.at(-1) ?? 0) ^ 1, edited.length - 1);
      await writeFile(file, edited);
      expect(await look()).toMatchObject({ code: 1, treeSize: size - 20, kinds: [kind] });
      await writeFile(file, honest);
      expect(await look()).toMatchObject({ code: 0, treeSize: size });
    }
  });

  test('MONITOR-7 forked, it is convicted by its tiles when a peer has seen the larger head', async () => {
    const [one, two] = ['one', 'two'].map(inFolder) as [string, string];
    await add('one', 300, 'both');
    await cp(one, two, { recursive: true });
    await add('one', 5, 'of-one');
    await add('two', 35, 'of-two');
    // The log shows its first side; the tiles of its second one lie beside it.
    const url = await served(filesOf(one, two));
    const note = await readFile(join(two, 'checkpoint'), 'utf8');
    const peer = await served((_, response) => {
      response.end(JSON.stringify({ results: [], checkpoints: [note] }));
    });
    const yaml = `logs: [{vkey: '${key.vkey}', url: '${url}'}]\npeers: ['${peer}']\n`;
    const { look } = await newMonitor(inFolder('monitor-of-fork'), yaml);
    expect(await look()).toMatchObject({ code: 1, treeSize: 305, forked: true, kinds: ['fork'] });
    const [file = ''] = await readdir(inFolder('monitor-of-fork/evidence'));
    const evidence = join(inFolder('monitor-of-fork/evidence'), file);
    const verify = [MAIN, 'verify', evidence, '--vkey', key.vkey, '--json'];
    const { stdout } = await promisify(execFile)(process.execPath, verify);
    expect(JSON.parse(stdout)).toMatchObject({ convicted: 'log', kind: 'not-a-prefix', origin: ORIGIN });
  });
});
