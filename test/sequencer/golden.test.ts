import { chmod, cp } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { treeSize } from '../../src/core/units.ts';
import { fsckLog } from '../../src/fsck/fsck-log.ts';
import { systemClock } from '../../src/runtime/clock.ts';
import { nodeHasher } from '../../src/runtime/node-hasher.ts';
import type { DataDirectory } from '../../src/sequencer/data-directory.ts';
import { openLog } from '../../src/sequencer/open-log.ts';
import { tempFolder } from '../support/temp-folder.ts';

/** Worked out from the entries by other code than ours. */
const ROOT = 'e8a804af596789ed4f53942e294cfe44d5bed4c7140c7f0f5fa52c0c122232d6';

async function copyOfGolden(): Promise<DataDirectory> {
  const folder = await tempFolder();
  const dir = { dataPath: join(folder, 'data'), guardPath: join(folder, 'data.guard') };
  await cp('test/golden/schema-1', dir.dataPath, { recursive: true });
  await cp('test/golden/schema-1.guard', dir.guardPath, { recursive: true });
  // A checkout does not keep the mode of a key file.
  await chmod(join(dir.dataPath, 'logs/main/key'), 0o600);
  return dir;
}

describe('STORE-6 a data directory of schema 1', () => {
  test('still opens, answers a retry of then, passes fsck and grows', async () => {
    const dir = await copyOfGolden();
    await using log = await openLog({ dir, clock: systemClock }, 'main');
    expect([log.origin, log.head.size]).toEqual(['golden.example/main', 600]);
    expect(Buffer.from(log.head.rootHash).toString('hex')).toBe(ROOT);
    const entries = Array.from({ length: 300 }, (_, i) => Buffer.from(`entry ${300 + i}`));
    const idempotency = { key: new Uint8Array(32).fill(7), contentHash: new Uint8Array(32).fill(8) };
    expect((await log.append({ entries, idempotency })).indexes[0]).toBe(300);
    expect((await log.append({ entries: [Buffer.from('new')] })).indexes).toEqual([600]);
    // The state of then tells of no kept head; from now on they are linked.
    expect((await log.keptHeads(treeSize(0), 9)).map(({ size }) => size)).toEqual([600, 601]);
    const result = await fsckLog(log, { hasher: nodeHasher, verifyHead: () => undefined });
    expect(result).toMatchObject({ entries: 601 });
    expect(result.difference).toBeUndefined();
  });
});
