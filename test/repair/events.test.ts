import { cp } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { checkEvent } from '../../src/core/event/event.ts';
import { leafIndex } from '../../src/core/units.ts';
import type { NewEvent } from '../../src/events/seal-event.ts';
import { folderSource } from '../../src/repair/folder-source.ts';
import { repairLog } from '../../src/repair/repair-log.ts';
import { systemClock } from '../../src/runtime/clock.ts';
import type { Log } from '../../src/sequencer/log.ts';
import { openLog } from '../../src/sequencer/open-log.ts';
import { sealValue } from '../../src/store/checked-store.ts';
import { encodeIndexes, eventIdKey, eventRetryKey, payloadKey, rawKey } from '../../src/store/event-rows.ts';
import { encodeIndex } from '../../src/store/rows.ts';
import { flipped, rottingLog } from '../support/rotting-log.ts';
import { tempFolder } from '../support/temp-folder.ts';

function eventOf({ events }: Log, id: string): NewEvent {
  const value = {
    ...{ schema: 'audit-event/1', id, time: '2026-11-18T11:06:40Z', action: 'a.b', outcome: 'success' },
    actor: { type: 'user', id: 'u' },
  };
  const checked = checkEvent(value, '');
  const idKey = events?.ids.keyOf(id, undefined) ?? new Uint8Array(32);
  return { ...checked, sent: checked.text, idKey, hasId: true, content: undefined };
}

describe('REPAIR-5 a log of events', () => {
  test('takes away what is stored of leaves beyond the signed tree, and keeps the rest', async () => {
    const { log, dir, put } = await rottingLog({ kind: 'events' });
    await log.events?.append({ events: ['a', 'b'].map((id) => eventOf(log, id)) });
    const ghost = eventOf(log, 'ghost');
    const key = new Uint8Array(32).fill(9);
    const beyond: (readonly [Uint8Array, Uint8Array])[] = [
      [payloadKey(2), new Uint8Array(80)],
      [rawKey(2), new Uint8Array(80)],
      [eventIdKey(ghost.idKey), encodeIndex(leafIndex(2))],
      [eventRetryKey(key), encodeIndexes([leafIndex(0), leafIndex(2)])],
    ];
    for (const [row, value] of beyond) await put(row, sealValue(row, value));
    await log.close();
    const report = await repairLog({ dir, name: 'main', source: undefined, dropLost: false, nowMs: 0 });
    expect(report).toMatchObject({ clean: true, removed: { count: 4 }, lost: { count: 0 } });
    const opened = await openLog({ dir, clock: systemClock }, 'main');
    onTestFinished(() => opened.close());
    expect(
      (await opened.events?.append({ events: [eventOf(opened, 'b'), eventOf(opened, 'ghost')] }))?.isNew,
    ).toEqual([false, true]);
    expect((await opened.events?.read(leafIndex(1)))?.event.id).toBe('b');
  });

  test('a sound copy is brought up to the guard from the damaged directory: what is older than it is read again', async () => {
    const { log, dir } = await rottingLog({ kind: 'events' });
    await log.events?.append({ events: [eventOf(log, 'old')] });
    const copied = await tempFolder();
    await log.close();
    await cp(dir.dataPath, join(copied, 'data'), { recursive: true });
    const again = await openLog({ dir, clock: systemClock }, 'main');
    await again.events?.append({ events: [eventOf(again, 'new')] });
    await again.close();
    const rotten = await rottingLog({ dir });
    await rotten.change(payloadKey(0), (row) => flipped(row, 40));
    await rotten.log.close();
    const sound = { dataPath: join(copied, 'data'), guardPath: dir.guardPath };
    await using from = await folderSource(dir.dataPath, 'main');
    const job = { dir: sound, name: 'main', source: from.source, dropLost: false, nowMs: 0 };
    expect(await repairLog(job)).toMatchObject({ clean: true, treeSize: 2, damaged: { count: 0 } });
    const opened = await openLog({ dir: sound, clock: systemClock }, 'main');
    onTestFinished(() => opened.close());
    expect((await opened.events?.read(leafIndex(0)))?.event.id).toBe('old');
    await expect(opened.events?.read(leafIndex(1))).rejects.toMatchObject({ code: 'payload_unavailable' });
  });
});
