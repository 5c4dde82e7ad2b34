import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { treeSize } from '../../src/core/units.ts';
import { generateSigningKey } from '../../src/keys/generate.ts';
import { systemRandom } from '../../src/runtime/random.ts';
import { createFileGuard } from '../../src/store/file-guard.ts';
import { run } from './run-cli.ts';

const note = 'example.org/main\n7\nAAAA\n\n— example.org/main AAAA\n';
const manifest = {
  ...{ schema: 1, name: 'main', kind: 'entries', origin: 'example.org/main' },
  vkey: generateSigningKey(systemRandom, 'example.org/main').vkey,
  ...{ duplicates: 'key', leafHashIndex: true, createdAt: '2026-01-01T00:00:00.000Z' },
};
let root: string;
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'stele-guard-'));
  await mkdir(join(root, 'd', 'logs', 'main'), { recursive: true });
  await writeFile(join(root, 'd', 'stele.json'), '{"schema":1}');
  await writeFile(join(root, 'd', 'logs', 'main', 'log.json'), JSON.stringify(manifest));
});
afterEach(() => rm(root, { recursive: true }));

describe('CLI-12 guard show', () => {
  test('prints the mark of every log and takes nothing over', async () => {
    const folder = join(root, 'd.guard', 'main');
    await createFileGuard(folder, { size: treeSize(7), rootHash: new Uint8Array(32), note });
    const shown = await run(['guard', 'show', '--data', join(root, 'd'), '--json']);
    expect(JSON.parse(shown.stdout)).toEqual({ guards: [{ log: 'main', size: 7, checkpoint: note }] });
    expect((await run(['guard', 'show', '--data', join(root, 'd')])).stdout).toBe(`main\n${note}`);
    expect(await readdir(folder)).toEqual(['owner.0']);
  });

  test.each([
    ['d', 'guard_missing', 'the log is there, its guard is not'],
    ['other', 'no_data', 'a wrong directory is not an empty one'],
  ])('refuses %j with %s: %s', async (folder, code) => {
    const shown = await run(['guard', 'show', '--data', join(root, folder), '--json']);
    expect([shown.exitCode, shown.stdout, JSON.parse(shown.stderr).error.code]).toEqual([1, '', code]);
  });
});
