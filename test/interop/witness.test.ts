import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { verifyCheckpoint } from '../../src/core/note/checkpoint.ts';
import { createCosignatureVerifier } from '../../src/core/note/cosignature.ts';
import { COSIGNATURE_V1 } from '../../src/core/note/key.ts';
import { createNoteVerifier } from '../../src/core/note/verifier.ts';
import { generateSigningKey } from '../../src/keys/generate.ts';
import { ed25519Verify } from '../../src/runtime/ed25519.ts';
import { systemRandom } from '../../src/runtime/random.ts';
import { originHash } from '../../src/witness/witness-record.ts';
import { buildGoTool, type GoTool, goMissing } from './go-tool.ts';
import { addEntries, filesOf, MAIN, newMonitor, POSIX_LOG, served } from './tessera-log.ts';

const ORIGIN = 'tessera.example/log';

describe.skipIf(goMissing() !== undefined)("WITNESS-2 WITNESS-7 Tessera's log on files", () => {
  const key = generateSigningKey(systemRandom, ORIGIN);
  let tool: GoTool;
  let witness: ChildProcess;
  let url = '';
  let vkey = '';

  const inFolder = (name: string): string => join(tool.folder, name);
  const stele = async (...args: readonly string[]): Promise<string> => {
    const ran = await promisify(execFile)(process.execPath, [MAIN, ...args, '--data', inFolder('witness')]);
    return ran.stdout;
  };

  beforeAll(async () => {
    tool = await buildGoTool(POSIX_LOG);
    ({ vkey } = JSON.parse(await stele('witness', 'init', 'witness.example/w', '--json')));
    await stele('witness', 'add-log', key.vkey);
    const serve = [MAIN, 'witness', '--json', '--data', inFolder('witness'), '--listen', '127.0.0.1:0'];
    witness = spawn(process.execPath, serve, { stdio: ['ignore', 'pipe', 'inherit'] });
    if (witness.stdout === null) throw new TypeError('the process has no stdout');
    const [line] = await once(createInterface({ input: witness.stdout }), 'line');
    ({ url } = JSON.parse(String(line)));
    await writeFile(inFolder('key'), key.skey, { mode: 0o600 });
    await writeFile(inFolder('policy'), `witness w ${vkey} ${url}\nquorum w\n`);
  });
  afterAll(async () => {
    witness?.kill('SIGKILL');
    await tool?.[Symbol.asyncDispose]();
  });

  const add = (count: number, batch: string): Promise<void> =>
    addEntries(
      tool,
      { log: inFolder('log'), key: inFolder('key'), policy: inFolder('policy') },
      { count, batch },
    );

  test.each([
    [1, 1, 'a'],
    [4, 5, 'b'],
    [300, 305, 'c'],
  ])('%d entries more: it publishes size %d with our cosignature', async (count, size, batch) => {
    await add(count, batch);
    const published = await readFile(join(inFolder('log'), 'checkpoint'), 'utf8');
    const logVerifiers = [createNoteVerifier(key.vkey, ed25519Verify)] as const;
    const checkpoint = await verifyCheckpoint(published, { origin: ORIGIN, logVerifiers });
    expect(checkpoint.size).toBe(size);
    const witnesses = [createCosignatureVerifier(vkey, ed25519Verify)] as const;
    const cosigned = await verifyCheckpoint(published, { origin: ORIGIN, logVerifiers: witnesses });
    expect(cosigned.size).toBe(size);
    const shown = await (await fetch(`${url}/${originHash(ORIGIN)}/checkpoint`)).text();
    expect(shown).toBe(published);
  });

  test('MONITOR-2 our monitor asks for the quorum of our witness, and misses it where the witness is another', async () => {
    await add(9, 'd');
    const size = 314;
    const logUrl = await served(filesOf(inFolder('log')));
    const other = generateSigningKey(systemRandom, 'witness.example/other', COSIGNATURE_V1);
    for (const [name, witnessKey, expected] of [
      ['monitor', vkey, { code: 0, treeSize: size, kinds: [] }],
      ['monitor-of-other', other.vkey, { code: 1, treeSize: size, kinds: ['missing_witnesses'] }],
    ] as const) {
      const policy = inFolder(`${name}.policy`);
      await writeFile(policy, `log ${key.vkey}\nwitness w ${witnessKey}\nquorum w\n`);
      const yaml = `logs: [{vkey: '${key.vkey}', url: '${logUrl}', policyFile: '${policy}'}]\nwitnesses: ['${url}']\n`;
      const { look } = await newMonitor(inFolder(name), yaml);
      expect(await look()).toMatchObject(expected);
    }
  });
});
