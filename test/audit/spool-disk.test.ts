import { readdir, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { beforeEach, describe, expect, onTestFinished, test, vi } from 'vitest';
import { type Audit, createAudit, type NewEvent } from '../../src/audit/audit.ts';
import type { TlogError } from '../../src/core/error.ts';
import { standInEventLog } from '../support/stand-in-event-log.ts';
import { tempFolder } from '../support/temp-folder.ts';

type Call = 'fsyncSync' | 'fdatasync' | 'writeSync' | 'ftruncateSync';

/** What reached the disk, in order, by path; and calls that fail the next time. */
const disk = vi.hoisted(() => ({ synced: [] as string[], failing: new Map<string, string>() }));

vi.mock(import('node:fs'), async (original) => {
  const fs = await original();
  const sync = (call: Call, fd: number): Error | undefined => {
    const code = disk.failing.get(call);
    disk.failing.delete(call);
    if (code !== undefined) return Object.assign(new Error(`${code}: said by a test`), { code });
    if (call.includes('sync')) disk.synced.push(fs.readlinkSync(`/proc/self/fd/${fd}`));
    return undefined;
  };
  const orThrow = (call: Call, fd: number): void => {
    const error = sync(call, fd);
    if (error !== undefined) throw error;
  };
  const made = {
    ...fs,
    fsyncSync: (fd: number): void => {
      orThrow('fsyncSync', fd);
      fs.fsyncSync(fd);
    },
    ftruncateSync: (fd: number, length: number): void => {
      orThrow('ftruncateSync', fd);
      fs.ftruncateSync(fd, length);
    },
    writeSync: (fd: number, bytes: Buffer, at: number): number => {
      const error = sync('writeSync', fd);
      if (error === undefined) return fs.writeSync(fd, bytes, at);
      fs.writeSync(fd, bytes, at, Math.floor(bytes.length / 2));
      throw error;
    },
    fdatasync: (fd: number, done: (error?: Error | null) => void): void => {
      const error = sync('fdatasync', fd);
      if (error === undefined) fs.fdatasync(fd, done);
      else setImmediate(done, error);
    },
  };
  return { ...made, default: made } as unknown as typeof fs;
});

vi.mock(import('node:fs/promises'), async (original) => {
  const fs = await original();
  const open: typeof fs.open = async (path, ...more) => {
    const file = await fs.open(path, ...more);
    for (const call of ['sync', 'datasync'] as const) {
      const usual = file[call].bind(file);
      file[call] = async () => {
        await usual();
        disk.synced.push(String(path));
      };
    }
    return file;
  };
  return { ...fs, open, default: { ...fs.default, open } };
});

const EVENT: NewEvent = { action: 'order.cancel', outcome: 'success', actor: { type: 'user', id: 'u-1' } };
const NOWHERE = 'http://127.0.0.1:1';
const FOR_EVER = 50_000;
const MIB = 1_024 * 1_024;

function opened(spool: string, server: string = NOWHERE): Audit & { errors: string[] } {
  const errors: string[] = [];
  const onError = ({ code }: TlogError): void => void errors.push(code);
  const audit = createAudit({ server, token: 't', log: 'audit', spool, spoolBytesMax: MIB, onError });
  onTestFinished(async () => void (await audit.close({ timeoutMs: 0 })));
  return { ...audit, errors };
}

beforeEach(() => {
  disk.synced.length = 0;
  disk.failing.clear();
});

describe('AUDIT-5 what is spooled is on the disk', () => {
  test('with the folders that were made for it', async () => {
    const top = await tempFolder();
    const spool = join(top, 'a', 'b', 'spool');
    const { audit } = opened(spool);
    await audit(EVENT).spooled;
    const [name = ''] = (await readdir(spool)).filter((file) => file.endsWith('.ndjson'));
    const needed = [top, join(top, 'a'), join(top, 'a', 'b'), spool, join(spool, name)];
    expect(needed.filter((path) => !disk.synced.includes(path))).toEqual([]);
    expect(disk.synced).not.toContain(dirname(top));
  });

  test('a failed sync is told to all whose events it may have lost, and to nobody after', async () => {
    const { audit, errors } = opened(await tempFolder());
    disk.failing.set('fdatasync', 'EIO');
    const [first, second] = [audit(EVENT), audit(EVENT)];
    const lost = expect.objectContaining({
      status: 'rejected',
      reason: expect.objectContaining({ code: 'not_writable' }),
    });
    expect(await Promise.allSettled([first.spooled, second.spooled])).toEqual([lost, lost]);
    await audit(EVENT).spooled;
    expect(errors.filter((code) => code === 'not_writable')).toHaveLength(2);
  });

  test('also where it failed as the next file was begun, and a sync was under way', async () => {
    const { audit, status } = opened(await tempFolder());
    const data = { text: 'x'.repeat(40_000) };
    const taken = Array.from({ length: 4 }, () => audit({ ...EVENT, data }));
    disk.failing.set('fsyncSync', 'EIO');
    expect(() => audit(EVENT)).toThrow(expect.objectContaining({ code: 'not_writable' }));
    for (const { spooled } of taken) await expect(spooled).rejects.toMatchObject({ code: 'not_writable' });
    await audit(EVENT).spooled;
    expect(status().waiting).toBe(5);
  });

  test('AUDIT-4 an event that the log refuses is kept by name before it is forgotten', async () => {
    const log = await standInEventLog('refuses-bad');
    const spool = await tempFolder();
    const { audit } = opened(spool, log.url);
    await expect(audit({ ...EVENT, labels: { word: 'bad' } }).logged).rejects.toMatchObject({
      code: 'invalid_event',
    });
    const at = disk.synced.indexOf(join(spool, 'refused.ndjson'));
    expect([at >= 0, disk.synced.indexOf(spool, at) > at]).toEqual([true, true]);
  });
});

describe('AUDIT-3 what the disk says has a code', () => {
  test('half of a line that could neither be written nor taken back spoils no other', async () => {
    const log = await standInEventLog('hangs-up');
    const { audit, flush } = opened(await tempFolder(), log.url);
    const before = audit(EVENT);
    disk.failing.set('writeSync', 'ENOSPC').set('ftruncateSync', 'EIO');
    expect(() => audit(EVENT)).toThrow(expect.objectContaining({ code: 'not_writable' }));
    const after = [audit(EVENT), audit(EVENT)];
    log.behave('answers');
    expect(await flush({ timeoutMs: FOR_EVER })).toBe(0);
    expect(log.ids).toEqual([before, ...after].map(({ id }) => id));
  });

  test('a file that cannot be read', async () => {
    const log = await standInEventLog('hangs-up');
    const spool = await tempFolder();
    const { audit, errors } = opened(spool, log.url);
    audit(EVENT);
    await expect.poll(() => errors).toEqual(['unreachable']);
    for (const name of await readdir(spool)) if (name.endsWith('.ndjson')) await rm(join(spool, name));
    await expect.poll(() => errors, { timeout: FOR_EVER }).toEqual(['unreachable', 'storage_unreadable']);
  });

  test('a file that is dealt with and cannot be emptied: its events are in the log, once', async () => {
    const log = await standInEventLog();
    const { audit, errors } = opened(await tempFolder(), log.url);
    disk.failing.set('ftruncateSync', 'EIO');
    const { id, logged } = audit(EVENT);
    expect(await logged).toEqual({ index: 0, isNew: true });
    await expect.poll(() => errors).toEqual(['not_writable']);
    const next = audit(EVENT);
    expect(await next.logged).toEqual({ index: 1, isNew: true });
    expect(log.ids).toEqual([id, next.id]);
  });
});
