import { readdir, readFile, rm, stat, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { type Audit, type AuditOptions, createAudit, type NewEvent } from '../../src/audit/audit.ts';
import type { TlogError } from '../../src/core/error.ts';
import { standInEventLog } from '../support/stand-in-event-log.ts';
import { tempFolder } from '../support/temp-folder.ts';

const EVENT: NewEvent = { action: 'order.cancel', outcome: 'success', actor: { type: 'user', id: 'u-1' } };
const NOWHERE = 'http://127.0.0.1:1';
const FOR_EVER = 50_000;

/** Opens a spool for one test. */
function opened(options: Partial<AuditOptions> & { spool: string }): Audit & { errors: string[] } {
  const errors: string[] = [];
  const onError = ({ code }: TlogError): void => void errors.push(code);
  const audit = createAudit({ server: NOWHERE, token: 't', log: 'audit', onError, ...options });
  onTestFinished(async () => void (await audit.close({ timeoutMs: 0 })));
  return { ...audit, errors };
}

const segments = async (spool: string): Promise<string[]> =>
  (await readdir(spool)).filter((name) => /^[0-9]{10}\.ndjson$/.test(name)).sort();

describe('AUDIT-1 an event is taken at once and reaches the log', () => {
  test('with an id and a time, in order', async () => {
    const log = await standInEventLog();
    const { audit, close } = opened({ server: log.url, spool: await tempFolder() });
    const entries = Array.from({ length: 1_200 }, (_, at) => audit({ ...EVENT, data: { at } }));
    const logged = await Promise.all(entries.map((entry) => entry.logged));
    expect(log.ids).toEqual(entries.map(({ id }) => id));
    expect(logged.map(({ index }) => Number(index))).toEqual(entries.map((_, at) => at));
    expect(log.events[7]).toMatchObject({ ...EVENT, schema: 'audit-event/1', data: { at: 7 } });
    expect(log.events[7]).toHaveProperty(
      'time',
      expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/),
    );
    expect(await close()).toBe(0);
  });

  test('an id and a time that are given stay, and an event that is told twice is one', async () => {
    const log = await standInEventLog();
    const { audit } = opened({ server: log.url, spool: await tempFolder() });
    const event = { ...EVENT, id: 'mine', time: '2026-01-02T03:04:05Z' };
    const [first, second] = [audit(event), audit(event)];
    expect(await second.logged).toEqual(await first.logged);
    expect(log.events).toEqual([{ ...event, schema: 'audit-event/1' }]);
  });

  test.each<[object, string]>([
    [{ action: 'Not An Action' }, '/action'],
    [{ data: { a: 1.5 } }, '/data/a'],
    [{ more: 1 }, '/more'],
    [{ actor: { type: 'user' } }, '/actor/id'],
  ])('an event that is none is refused at once: %j', async (members, pointer) => {
    const { audit, status } = opened({ spool: await tempFolder() });
    expect(() => audit({ ...EVENT, ...members })).toThrow(pointer);
    expect(status().waiting).toBe(0);
  });

  test('members without a value are none', async () => {
    const log = await standInEventLog();
    const { audit } = opened({ server: log.url, spool: await tempFolder() });
    await audit(Object.assign({}, EVENT, { tenant: undefined, id: undefined, time: undefined })).logged;
    expect(log.events[0]).not.toHaveProperty('tenant');
  });
});

describe('AUDIT-2 at least once, and at most once', () => {
  test('lost answers, broken connections and a log that comes late', async () => {
    const log = await standInEventLog('hangs-up');
    const { audit, flush, status, errors } = opened({ server: log.url, spool: await tempFolder() });
    const first = audit(EVENT);
    await expect.poll(() => errors).toEqual(['unreachable']);
    log.behave('loses-answers');
    await expect.poll(() => log.ids.length, { timeout: FOR_EVER }).toBe(1);
    const second = audit(EVENT);
    expect(status()).toMatchObject({ waiting: 2, lastError: { code: 'unreachable' } });
    log.behave('answers');
    expect(await flush({ timeoutMs: FOR_EVER })).toBe(0);
    expect(log.ids).toEqual([first.id, second.id]);
    expect(await first.logged).toEqual({ index: 0, isNew: false });
    expect(await second.logged).toMatchObject({ index: 1 });
    expect(status()).toEqual({
      ...{ waiting: 0, spoolBytes: 0, spoolBytesMax: 64 * 1_024 * 1_024 },
      ...{ isFull: false, refused: 0, lastError: undefined },
    });
  });

  test('what waits when it is closed is sent by the next one, and not by two', async () => {
    const spool = await tempFolder();
    const before = opened({ spool });
    const entries = [before.audit(EVENT), before.audit(EVENT)];
    expect(await before.close({ timeoutMs: 0 })).toBe(2);
    await expect(entries[1]?.logged).rejects.toMatchObject({ code: 'request_timeout' });
    expect(() => before.audit(EVENT)).toThrow(TypeError);

    const log = await standInEventLog();
    const after = opened({ server: log.url, spool });
    expect(() => opened({ spool })).toThrow(expect.objectContaining({ code: 'spool_locked' }));
    const third = after.audit(EVENT);
    expect(await after.flush({ timeoutMs: FOR_EVER })).toBe(0);
    expect(log.ids).toEqual([...entries, third].map(({ id }) => id));
    expect(await segments(spool)).toHaveLength(1);
  });

  test('a line that was cut short was never taken, and spoils nothing', async () => {
    const spool = await tempFolder();
    const before = opened({ spool });
    const { id } = before.audit(EVENT);
    before.audit(EVENT);
    await before.close({ timeoutMs: 0 });
    const [name = ''] = await segments(spool);
    const { size } = await stat(join(spool, name));
    await truncate(join(spool, name), size - 9);

    const log = await standInEventLog();
    const after = opened({ server: log.url, spool });
    expect(after.status().waiting).toBe(1);
    const { id: next } = after.audit(EVENT);
    expect(await after.flush({ timeoutMs: FOR_EVER })).toBe(0);
    expect(log.ids).toEqual([id, next]);
  });

  test('files are begun anew, sent in order and removed', async () => {
    const spool = await tempFolder();
    const before = opened({ spool, spoolBytesMax: 1_024 * 1_024 });
    const data = { text: 'x'.repeat(40_000) };
    const ids = Array.from({ length: 20 }, () => before.audit({ ...EVENT, data }).id);
    expect((await segments(spool)).length).toBeGreaterThan(3);
    await before.close({ timeoutMs: 0 });
    const log = await standInEventLog();
    const after = opened({ server: log.url, spool });
    ids.push(after.audit(EVENT).id);
    expect(await after.flush({ timeoutMs: FOR_EVER })).toBe(0);
    expect(log.ids).toEqual(ids);
    expect(await segments(spool)).toHaveLength(1);
    expect(after.status().spoolBytes).toBe(0);
  });
});

describe('AUDIT-3 the spool is bounded', () => {
  test('what finds no room is not taken, and there is room again once the log has it', async () => {
    const log = await standInEventLog('hangs-up');
    const spoolBytesMax = 1_024 * 1_024;
    const { audit, status, flush, errors } = opened({
      server: log.url,
      spool: await tempFolder(),
      spoolBytesMax,
    });
    const data = { text: 'x'.repeat(40_000) };
    const taken: string[] = [];
    const fill = (): void => {
      for (;;) taken.push(audit({ ...EVENT, data }).id);
    };
    expect(fill).toThrow(expect.objectContaining({ code: 'spool_full' }));
    expect(fill).toThrow(expect.objectContaining({ code: 'spool_full' }));
    expect(taken.length).toBeGreaterThan(20);
    expect(status()).toMatchObject({ isFull: true, waiting: taken.length });
    expect(status().spoolBytes).toBeLessThanOrEqual(spoolBytesMax);
    expect(errors.filter((code) => code === 'spool_full')).toHaveLength(1);
    log.behave('answers');
    expect(await flush({ timeoutMs: FOR_EVER })).toBe(0);
    taken.push(audit(EVENT).id);
    expect(status().isFull).toBe(false);
    expect(await flush({ timeoutMs: FOR_EVER })).toBe(0);
    expect(log.ids).toEqual(taken);
  });

  test.each([0, 1_024 * 1_024 - 1, 1.5e7 + 0.5, Number.NaN])('no bound: %d', async (spoolBytesMax) => {
    const spool = await tempFolder();
    expect(() => opened({ spool, spoolBytesMax })).toThrow(RangeError);
  });

  test('a folder that cannot be one is said at once', async () => {
    const file = join(await tempFolder(), 'file');
    await writeFile(file, '');
    expect(() => opened({ spool: file })).toThrow(expect.objectContaining({ code: 'not_writable' }));
  });
});

describe('AUDIT-4 what the log refuses', () => {
  test('holds up no other event, and is kept beside the reason', async () => {
    const log = await standInEventLog('refuses-bad');
    const spool = await tempFolder();
    const { audit, flush, status, errors } = opened({ server: log.url, spool });
    const entries = ['good', 'bad', 'good', 'good'].map((word) => audit({ ...EVENT, labels: { word } }));
    const [a, bad, b, c] = entries;
    await expect(bad?.logged).rejects.toMatchObject({ code: 'invalid_event' });
    expect(await flush({ timeoutMs: FOR_EVER })).toBe(0);
    expect(log.ids).toEqual([a?.id, b?.id, c?.id]);
    expect([status().refused, errors]).toEqual([1, ['invalid_event']]);
    const kept = JSON.parse(await readFile(join(spool, 'refused.ndjson'), 'utf8'));
    expect(kept).toMatchObject({ code: 'invalid_event', event: { id: bad?.id, labels: { word: 'bad' } } });
  });

  test('has no more room than the spool, and none is lost: new events are refused until somebody takes the file away', async () => {
    const log = await standInEventLog('refuses-bad');
    const spool = await tempFolder();
    const spoolBytesMax = 1_024 * 1_024;
    const { audit, flush, status } = opened({ server: log.url, spool, spoolBytesMax });
    const bad = { ...EVENT, labels: { word: 'bad' }, data: { text: 'x'.repeat(40_000) } };
    const taken: string[] = [];
    const fill = async (): Promise<void> => {
      for (;;) {
        taken.push(audit(bad).id);
        await flush({ timeoutMs: FOR_EVER });
      }
    };
    await expect(fill()).rejects.toMatchObject({
      code: 'spool_full',
      message: expect.stringContaining('refused.ndjson'),
    });
    expect(status()).toMatchObject({ isFull: true, waiting: 0, refused: taken.length });
    expect(status().spoolBytes).toBeLessThanOrEqual(spoolBytesMax + 1_024);
    const lines = (await readFile(join(spool, 'refused.ndjson'), 'utf8')).trimEnd().split('\n');
    expect(lines.map((line) => JSON.parse(line).event.id)).toEqual(taken);
    await rm(join(spool, 'refused.ndjson'));
    await audit(EVENT).logged;
    expect(status()).toMatchObject({ isFull: false, spoolBytes: 0 });
  });

  test('stays readable where the end of a process cut it short, and where a disk spoiled an event', async () => {
    const log = await standInEventLog('refuses-bad');
    const spool = await tempFolder();
    await writeFile(join(spool, 'refused.ndjson'), '{"code":"inval');
    await writeFile(join(spool, '0000000001.ndjson'), 'bad: no JSON\n');
    const { audit, flush } = opened({ server: log.url, spool });
    audit({ ...EVENT, labels: { word: 'bad' } });
    expect(await flush({ timeoutMs: FOR_EVER })).toBe(0);
    const [, ...lines] = (await readFile(join(spool, 'refused.ndjson'), 'utf8')).trimEnd().split('\n');
    expect(lines.map((line) => JSON.parse(line).event)).toMatchObject(['bad: no JSON', EVENT]);
  });

  test('a log of another kind keeps everything waiting', async () => {
    const log = await standInEventLog('is-wrong-kind');
    const { audit, flush, errors } = opened({ server: log.url, spool: await tempFolder() });
    audit(EVENT);
    await expect.poll(() => errors).toEqual(['wrong_log_kind']);
    expect(await flush({ timeoutMs: 1 })).toBe(1);
    log.behave('answers');
    expect(await flush({ timeoutMs: FOR_EVER })).toBe(0);
  });
});

test.each([
  'flush',
  'close',
] as const)('AUDIT-5 %s goes on trying, however long the log was away', async (call) => {
  const log = await standInEventLog('hangs-up');
  const audit = opened({ server: log.url, spool: await tempFolder() });
  const { id } = audit.audit(EVENT);
  // By now it would wait for half a minute between tries.
  while (log.requests() < 9) await audit.flush({ timeoutMs: 5 });
  const tries = log.requests();
  const left = audit[call]({ timeoutMs: 2 * FOR_EVER });
  await expect.poll(() => log.requests(), { timeout: FOR_EVER }).toBeGreaterThan(tries + 4);
  log.behave('answers');
  expect(await left).toBe(0);
  expect(log.ids).toEqual([id]);
});

test('AUDIT-5 spooled resolves once the event is on the disk, whoever waits', async () => {
  const { audit } = opened({ spool: await tempFolder() });
  const entries = Array.from({ length: 50 }, () => audit(EVENT));
  await Promise.all(entries.map(({ spooled }) => spooled));
});
