import { mkdir, readdir, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { formatCheckpoint } from '../../src/core/note/checkpoint.ts';
import { formatNote } from '../../src/core/note/signed-note.ts';
import { readKeyFile } from '../../src/keys/key-file.ts';
import { createSigner } from '../../src/keys/signer.ts';
import { systemClock } from '../../src/runtime/clock.ts';
import { type DataDirectory, logPaths } from '../../src/sequencer/data-directory.ts';
import type { SignedHead } from '../../src/sequencer/log.ts';
import { openLog } from '../../src/sequencer/open-log.ts';
import { type AcceptedHead, resetGuard } from '../../src/sequencer/reset-guard.ts';
import { encodeSlot } from '../../src/store/guard-slot.ts';
import { newDataDirectory } from '../support/test-log.ts';

const NOW_MS = 1_000_000;

/** A stopped log of two entries. */
async function grown(): Promise<{ dir: DataDirectory; head: SignedHead }> {
  const dir = await newDataDirectory();
  await using log = await openLog({ dir, clock: systemClock }, 'main');
  const { head } = await log.append({ entries: [Buffer.from('a'), Buffer.from('b')] });
  return { dir, head };
}

/** The head with one line more, signed by the log's own key. */
async function extended(dir: DataDirectory, { size, rootHash }: SignedHead): Promise<string> {
  const signer = createSigner(await readKeyFile(logPaths(dir, 'main').key));
  const text = formatCheckpoint({ origin: 'log.example/main', size, rootHash, extensions: ['more'] });
  const { name, keyId } = signer;
  return formatNote(text, [{ name, keyId, signature: await signer.sign(Buffer.from(text)) }]);
}

async function reset(dir: DataDirectory, note: string): Promise<AcceptedHead[]> {
  const accepted: AcceptedHead[] = [];
  await resetGuard({
    dir,
    name: 'main',
    note: Buffer.from(note),
    clock: { ...systemClock, nowMs: () => NOW_MS },
    onAccept: (head) => accepted.push(head),
  });
  return accepted;
}

describe('GUARD-1 a guard that is made anew', () => {
  test('holds the accepted head, and the log starts from it', async () => {
    const { dir, head } = await grown();
    await rm(dir.guardPath, { recursive: true });
    expect(await reset(dir, head.note)).toEqual([{ ...head, dataSize: 2 }]);
    expect(await readdir(logPaths(dir, 'main').guard)).toEqual([`owner.${NOW_MS}`]);
    await using log = await openLog({ dir, clock: systemClock }, 'main');
    expect(log.head).toEqual(head);
  });

  test('is refused a note with a line that the log never signs, though the signature holds', async () => {
    const { dir, head } = await grown();
    await rm(dir.guardPath, { recursive: true });
    const note = await extended(dir, head);
    await expect(reset(dir, note)).rejects.toMatchObject({ code: 'malformed_checkpoint' });
    await expect(readdir(dir.guardPath)).rejects.toMatchObject({ code: 'ENOENT' });
  });

  test('is not made where the old one cannot be moved aside, which stays', async () => {
    const { dir, head } = await grown();
    const { guard } = logPaths(dir, 'main');
    const [owner = ''] = await readdir(guard);
    await writeFile(join(guard, owner), 'nothing readable');
    await mkdir(`${guard}.replaced-${NOW_MS}/taken`, { recursive: true });
    await expect(reset(dir, head.note)).rejects.toMatchObject({ code: 'ENOTEMPTY' });
    expect(await readdir(guard)).toEqual([owner]);
    await rename(`${guard}.replaced-${NOW_MS}`, `${guard}.replaced`);
    expect(await reset(dir, head.note)).toHaveLength(1);
    expect(await readdir(`${guard}.replaced-${NOW_MS}`)).toEqual([owner]);
  });

  test.each([
    ['that can be read', async () => undefined, 'data_exists'],
    [
      'with two roots for one size',
      async (dir: DataDirectory, head: SignedHead) => {
        const rootHash = new Uint8Array(32).fill(9);
        await writeFile(
          join(logPaths(dir, 'main').guard, 'owner.7'),
          Buffer.concat([encodeSlot({ ...head, rootHash }), Buffer.alloc(4096)]),
        );
      },
      'guard_conflict',
    ],
  ] as const)('never replaces one %s', async (_, spoil, code) => {
    const { dir, head } = await grown();
    await spoil(dir, head);
    const before = await readdir(logPaths(dir, 'main').guard);
    await expect(reset(dir, head.note)).rejects.toMatchObject({ code });
    expect(await readdir(logPaths(dir, 'main').guard)).toEqual(before);
  });
});
