import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { checkEvent } from '../../src/core/event/event.ts';
import { leafIndex } from '../../src/core/units.ts';
import type { NewEvent } from '../../src/events/seal-event.ts';
import { systemClock } from '../../src/runtime/clock.ts';
import type { AppendResult, Log } from '../../src/sequencer/log.ts';
import { openLog } from '../../src/sequencer/open-log.ts';
import { backupDesk } from '../support/backup-desk.ts';

function eventOf({ events }: Log, id: string, hasId: boolean): NewEvent {
  const value = {
    ...{ schema: 'audit-event/1', id, time: '2026-11-18T11:06:40Z', action: 'a.b', outcome: 'success' },
    actor: { type: 'user', id: 'secret-person' },
  };
  const checked = checkEvent(value, '');
  const idKey = events?.ids.keyOf(id, undefined) ?? new Uint8Array(32);
  return { ...checked, sent: checked.text, idKey, hasId, content: undefined };
}

/** Appends one event; a key stands for its request. */
async function add(log: Log, id: string, key?: number): Promise<AppendResult | undefined> {
  const events = [eventOf(log, id, key === undefined)];
  const retryKey = key === undefined ? {} : { retryKey: new Uint8Array(32).fill(key) };
  return log.events?.append({ events, ...retryKey });
}

describe('BACKUP-6 a backup of a log of events', () => {
  test('proves all and tells retries, and holds nothing that can be read', async () => {
    const desk = await backupDesk({ kind: 'events' });
    for (let i = 0; i < 300; i += 1) await add(desk.log, `e${i}`);
    await desk.backUp();
    await add(desk.log, 'later', 7);
    expect(await desk.backUp()).toMatchObject({ treeSize: 301 });
    await desk.log.close();
    const { dir, logs } = await desk.restore({ keys: await desk.keys() });
    expect(logs).toMatchObject([{ treeSize: 301, guard: 'agrees' }]);
    const log = await openLog({ dir, clock: systemClock }, 'main');
    onTestFinished(() => log.close());
    expect(await log.events?.find('e299', undefined)).toBe(299);
    await expect(log.events?.read(leafIndex(299))).rejects.toMatchObject({ code: 'payload_unavailable' });
    expect((await add(log, 'e5'))?.indexes).toEqual([5]);
    expect((await add(log, 'other', 7))?.indexes).toEqual([300]);
    expect((await add(log, 'fresh'))?.indexes).toEqual([301]);
    expect((await log.events?.read(leafIndex(301)))?.event.id).toBe('fresh');
    expect(log.findings).toEqual([]);
  });

  test('whose lists of ids were changed is not restored', async () => {
    const desk = await backupDesk({ kind: 'events' });
    await add(desk.log, 'a');
    await desk.backUp();
    await desk.log.close();
    await writeFile(join(desk.folder, 'logs/main/events/0-1-0.ndjson'), '');
    await expect(desk.restore()).rejects.toMatchObject({ code: 'malformed_answer' });
  });
});
