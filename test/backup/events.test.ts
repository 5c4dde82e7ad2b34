import { createHash } from 'node:crypto';
import { readdir, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import type { Fetch } from '../../src/client/bounded-fetch.ts';
import { checkEvent } from '../../src/core/event/event.ts';
import { leafIndex } from '../../src/core/units.ts';
import type { NewEvent } from '../../src/events/seal-event.ts';
import { systemClock } from '../../src/runtime/clock.ts';
import type { AppendResult, Log } from '../../src/sequencer/log.ts';
import { openLog } from '../../src/sequencer/open-log.ts';
import { payloadKey } from '../../src/store/event-rows.ts';
import { ADMIN_TOKEN, type BackupDesk, backupDesk } from '../support/backup-desk.ts';

function eventOf({ events }: Log, id: string, hasId: boolean, content?: Uint8Array): NewEvent {
  const sha256 = createHash('sha256')
    .update(content ?? '')
    .digest('base64');
  const value = {
    ...{ schema: 'audit-event/1', id, time: '2026-11-18T11:06:40Z', action: 'a.b', outcome: 'success' },
    actor: { type: 'user', id: 'secret-person' },
    ...(content === undefined
      ? {}
      : { raw: { format: 'x', media_type: 'text/plain', sha256, size: content.length } }),
  };
  const checked = checkEvent(value, '');
  const idKey = events?.ids.keyOf(id, undefined) ?? new Uint8Array(32);
  return { ...checked, sent: checked.text, idKey, hasId, content };
}

/** Appends one event; a key stands for its request. */
async function add(log: Log, id: string, key?: number): Promise<AppendResult | undefined> {
  const events = [eventOf(log, id, key === undefined)];
  const retryKey = key === undefined ? {} : { retryKey: new Uint8Array(32).fill(key) };
  return log.events?.append({ events, ...retryKey });
}

const SMALL = Buffer.from('secret-record');
/** Over 64 KiB: a file of its own. */
const LARGE = Buffer.alloc(70_000, 'secret-record');

/** Appends events without verbatim bytes, with few and with many. */
async function addThree(log: Log, name: string): Promise<void> {
  const events = [
    eventOf(log, `${name}-none`, true),
    eventOf(log, `${name}-small`, true, SMALL),
    eventOf(log, `${name}-large`, true, LARGE),
  ];
  await log.events?.append({ events });
}

async function restored(
  desk: BackupDesk,
): Promise<{ readonly log: Log & { close(): Promise<void> }; readonly unreadable: number | undefined }> {
  await desk.log.close();
  const { dir, logs } = await desk.restore({ keys: await desk.keys() });
  const log = await openLog({ dir, clock: systemClock }, 'main');
  onTestFinished(() => log.close());
  return { log, unreadable: logs[0]?.unreadable };
}

/** What reading gives of each event: its id and the length of its record, or why not. */
async function readAll(log: Log, size: number): Promise<readonly unknown[]> {
  const found: unknown[] = [];
  for (let i = 0; i < size; i += 1)
    found.push(
      await log.events?.read(leafIndex(i)).then(
        async ({ event }) => [event.id, (await log.events?.readRaw(leafIndex(i)))?.length],
        (error: { code?: string }) => error.code,
      ),
    );
  return found;
}

const readable = (name: string): readonly unknown[] => [
  [`${name}-none`, undefined],
  [`${name}-small`, SMALL.length],
  [`${name}-large`, LARGE.length],
];
const unreadable = Array.from({ length: 3 }, () => 'payload_unavailable');

async function filesOf(folder: string): Promise<readonly string[]> {
  const found = await readdir(folder, { recursive: true, withFileTypes: true });
  return found.filter((file) => file.isFile()).map(({ parentPath, name }) => join(parentPath, name));
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

  test.each([
    ['is gone', () => Promise.resolve(), 'storage_corrupt', 1],
    ['cannot be read now', (file: string) => symlink(basename(file), file), 'storage_unreadable', 0],
  ])('that finds that a file %s: what is damage is a finding', async (_, put, code, findings) => {
    const desk = await backupDesk({ kind: 'events' });
    await addThree(desk.log, 'a');
    const raw = join(desk.dir.dataPath, 'logs/main/raw');
    const [name = ''] = await readdir(raw);
    await rm(join(raw, name));
    await put(join(raw, name));
    const headers = { authorization: `Bearer ${ADMIN_TOKEN}` };
    const answer = await desk.fetch('http://log.example/logs/main/backup/payloads?from=0&to=3', { headers });
    expect([answer.status, (await answer.json()).code]).toEqual([500, code]);
    expect(desk.log.findings).toHaveLength(findings);
  });

  test('without the secret of ids is neither finished nor restored: every retry would be a new event', async () => {
    const desk = await backupDesk({ kind: 'events' });
    await add(desk.log, 'a');
    const fetch: Fetch = async (url, init) => {
      const answer = await desk.fetch(url, init);
      if (!url.endsWith('/backup')) return answer;
      const { idSecret: _, ...facts } = await answer.json();
      return Response.json(facts);
    };
    await expect(desk.backUp({ fetch })).rejects.toMatchObject({ code: 'malformed_answer' });
    await desk.backUp();
    await desk.log.close();
    const path = join(desk.folder, 'logs/main/backup.json');
    const { idSecret: _, ...facts } = JSON.parse(await readFile(path, 'utf8'));
    await writeFile(path, JSON.stringify(facts));
    await expect(desk.restore()).rejects.toMatchObject({ code: 'malformed_answer' });
  });
});

describe('BACKUP-7 seeds in a backup', () => {
  test.each([
    ['never', [false, false], [...unreadable, ...unreadable], 6],
    ['always', [true, true], [...readable('a'), ...readable('b')], 0],
    ['later', [false, true], [...readable('a'), ...readable('b')], 0],
    ['no more', [true, false], [...readable('a'), ...unreadable], 3],
  ])('%s: what is readable after a restore', async (_, [first, second], expected, withoutSeeds) => {
    const desk = await backupDesk({ kind: 'events' });
    await addThree(desk.log, 'a');
    await desk.backUp({ withSeeds: first === true });
    await addThree(desk.log, 'b');
    await desk.backUp({ withSeeds: second === true });
    const { log, unreadable: count } = await restored(desk);
    expect(count).toBe(withoutSeeds);
    expect(await readAll(log, 6)).toEqual(expected);
    await addThree(log, 'c');
    expect((await readAll(log, 9)).slice(6)).toEqual(readable('c'));
    expect([log.findings, log.status().acceptsEntries]).toEqual([[], true]);
  });

  test('and payloads of many pages come one behind the other, each in a file of its own', async () => {
    const desk = await backupDesk({ kind: 'events' });
    const events = Array.from({ length: 64 }, (_, i) => eventOf(desk.log, `large-${i}`, true, LARGE));
    await desk.log.events?.append({ events });
    for (let from = 64; from < 4_164; from += 1_025) {
      const some = Array.from({ length: 1_025 }, (_, i) => eventOf(desk.log, `e${from + i}`, true));
      await desk.log.events?.append({ events: some });
    }
    await desk.backUp({ withSeeds: true });
    expect((await readdir(join(desk.folder, 'logs/main/payloads'))).length).toBeGreaterThan(1);
    const { log } = await restored(desk);
    const last = await log.events?.read(leafIndex(4_163));
    expect(last?.event.id).toBe('e4163');
    expect((await log.events?.readRaw(leafIndex(63)))?.length).toBe(LARGE.length);
    expect((await log.events?.read(leafIndex(64)))?.event.id).toBe('e64');
  });

  test('are in files for their owner; without them no file shows anything of an event', async () => {
    const desk = await backupDesk({ kind: 'events' });
    await addThree(desk.log, 'a');
    await desk.backUp();
    for (const file of await filesOf(desk.folder)) {
      expect(file).not.toContain('seeds');
      expect([file, (await readFile(file)).includes('secret-')]).toEqual([file, false]);
    }
    expect(await desk.backUp({ withSeeds: true })).toMatchObject({ treeSize: 3, seedsEnd: 3 });
    const seeds = (await filesOf(desk.folder)).filter((file) => file.includes('seeds'));
    expect(seeds).toHaveLength(1);
    for (const file of seeds) expect((await stat(file)).mode & 0o777).toBe(0o600);
  });

  test.each<[string, (desk: BackupDesk) => Promise<Fetch | undefined>, string]>([
    [
      'a payload that is gone',
      async ({ drop }) => {
        await drop(payloadKey(1));
        return undefined;
      },
      'event 1 is missing',
    ],
    [
      'a payload of another event',
      async ({ fetch }) =>
        changed(fetch, ([a, b]) => [
          { ...b, index: 0 },
          { ...a, index: 1 },
        ]),
      'event 0 does not open',
    ],
    [
      'a record of another event',
      async ({ fetch }) => changed(fetch, ([a, b, c]) => [a, { ...b, raw: c?.['file'] }]),
      'event 1 does not open',
    ],
  ])('%s: the backup is not finished', async (_, spoil, message) => {
    const desk = await backupDesk({ kind: 'events' });
    await addThree(desk.log, 'a');
    const fetch = await spoil(desk);
    const run = desk.backUp({ withSeeds: true, ...(fetch === undefined ? {} : { fetch }) });
    await expect(run).rejects.toMatchObject({
      code: 'storage_corrupt',
      message: expect.stringContaining(message),
    });
    await expect(stat(join(desk.folder, 'logs/main/backup.json'))).rejects.toMatchObject({ code: 'ENOENT' });
  });

  test.each(['payloads', 'seeds'])('whose %s were changed is not restored', async (name) => {
    const desk = await backupDesk({ kind: 'events' });
    await addThree(desk.log, 'a');
    await desk.backUp({ withSeeds: true });
    await desk.log.close();
    const file = join(desk.folder, `logs/main/${name}/0-3-0.ndjson`);
    await writeFile(file, (await readFile(file, 'utf8')).replace(/.{4}"}\n/, 'AAA="}\n'));
    await expect(desk.restore()).rejects.toMatchObject({ code: 'malformed_answer' });
  });
});

type Line = Record<string, unknown>;

/** A server that answers with other payloads than it has. */
function changed(fetch: Fetch, change: (lines: readonly Line[]) => readonly (Line | undefined)[]): Fetch {
  return async (url, init) => {
    const answer = await fetch(url, init);
    if (!String(url).includes('backup/payloads')) return answer;
    const { payloads } = (await answer.json()) as { payloads: Line[] };
    return Response.json({ payloads: change(payloads) });
  };
}
