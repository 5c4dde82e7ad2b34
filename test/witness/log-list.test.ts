import { mkdir, readdir, readFile, rm, symlink, truncate, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { TlogError } from '../../src/core/error.ts';
import { computeKeyId, ED25519, formatVerifierKey } from '../../src/core/note/key.ts';
import { createCosigner } from '../../src/keys/cosigner.ts';
import { generateSigningKey } from '../../src/keys/generate.ts';
import { createFileGuard } from '../../src/store/file-guard.ts';
import type { Guard } from '../../src/store/guard.ts';
import type { WitnessDeps } from '../../src/witness/running-witness.ts';
import { addLog, guardFolder, witnessPaths } from '../../src/witness/witness-directory.ts';
import { FRESH_MARK } from '../../src/witness/witness-record.ts';
import { GrowingLog, testSigner } from '../support/growing-log.ts';
import { newWitness, runWitness } from '../support/witness-desk.ts';

const log = GrowingLog.of(testSigner('log.example/main'), 20);
const late = GrowingLog.of(testSigner('late.example'), 20);

describe('WITNESS-8 the list of logs', () => {
  test('is followed while it runs: a log that is added, removed, and added again', async () => {
    const dir = await newWitness([log.signer.vkey]);
    const at = await runWitness(dir);
    expect((await at.post(await late.request(0, 5))).status).toBe(404);
    expect(await addLog(dir, late.signer.vkey)).toBe(true);
    expect(await addLog(dir, late.signer.vkey)).toBe(false);
    expect((await at.post(await late.request(0, 5))).status).toBe(200);
    await writeFile(witnessPaths(dir).logs, `${log.signer.vkey}\n`);
    expect((await at.post(await late.request(5, 9))).status).toBe(404);
    expect((await at.last(late.origin)).status).toBe(404);
    expect(await addLog(dir, late.signer.vkey)).toBe(true);
    expect(await at.post(await late.request(0, 5))).toMatchObject({ status: 409, text: '5\n' });
    expect((await at.post(await late.request(5, 9))).status).toBe(200);
    expect(at.alerts).toEqual([]);
  });

  test('logs that are added at the same time are all there', async () => {
    const dir = await newWitness([]);
    const vkeys = Array.from({ length: 20 }, (_, i) => testSigner(`l${i}.example`).vkey);
    await Promise.all(vkeys.map((vkey) => addLog(dir, vkey)));
    const lines = (await readFile(witnessPaths(dir).logs, 'utf8')).trimEnd().split('\n').slice(1);
    expect(lines.sort()).toEqual(vkeys.sort());
  });

  test('one log that is added several times at once has its guard, and nothing else is left', async () => {
    const dir = await newWitness([]);
    const guard = guardFolder(dir, log.origin);
    // As a kill leaves it.
    await mkdir(`${guard}.new-abc`);
    await Promise.all(Array.from({ length: 8 }, () => addLog(dir, log.signer.vkey)));
    expect(await readdir(dir.guardPath)).toEqual([basename(guard)]);
    const at = await runWitness(dir);
    expect((await at.post(await log.request(0, 5))).status).toBe(200);
    expect(at.alerts).toEqual([]);
  });

  test('a log is added where the folder of guards is gone, and not where it cannot be', async () => {
    const dir = await newWitness([]);
    await rm(dir.guardPath, { recursive: true });
    expect(await addLog(dir, log.signer.vkey)).toBe(true);
    await rm(dir.guardPath, { recursive: true });
    await writeFile(dir.guardPath, '');
    await expect(addLog(dir, late.signer.vkey)).rejects.toBeInstanceOf(Error);
  });

  test('a log that goes while its requests are under way ends no process', async () => {
    const dir = await newWitness([log.signer.vkey, late.signer.vkey]);
    const at = await runWitness(dir);
    const { logs } = witnessPaths(dir);
    const body = await late.request(0, 5);
    const answers = [];
    for (let i = 0; i < 30; i += 1) {
      if (i === 10) await writeFile(logs, `${log.signer.vkey}\n`);
      answers.push(at.post(body));
    }
    const statuses = (await Promise.all(answers)).map(({ status }) => status);
    expect(statuses.filter((status) => ![200, 404, 409, 503].includes(status))).toEqual([]);
    const ended = await Promise.race([at.witness.failed, at.post(await log.request(0, 5))]);
    expect(ended).toMatchObject({ status: 200 });
  });

  test.each([
    ['a line that is no key', 'x\n'],
    ['a key of a cosigner', `${generateSigningKey(() => new Uint8Array(32).fill(9), 'w', 4).vkey}\n`],
    ['1,001 origins', Array.from({ length: 1_001 }, (_, i) => `${testSigner(`l${i}`).vkey}\n`).join('')],
    ['no file', undefined],
  ])('%s: the list before stays, and a start is refused', async (_, text) => {
    const dir = await newWitness([log.signer.vkey]);
    const at = await runWitness(dir);
    const { logs } = witnessPaths(dir);
    if (text === undefined) await rm(logs);
    else await writeFile(logs, text);
    expect((await at.post(await log.request(0, 5))).status).toBe(200);
    expect((await at.post(await log.request(5, 6))).status).toBe(200);
    expect(at.badLists).toHaveLength(1);
    await at.close();
    await expect(runWitness(dir)).rejects.toMatchObject({ code: 'invalid_config' });
  });

  test('that the system does not open: the one before stays until it does', async () => {
    const dir = await newWitness([log.signer.vkey]);
    const at = await runWitness(dir);
    const { logs } = witnessPaths(dir);
    const text = await readFile(logs, 'utf8');
    await rm(logs);
    await symlink(logs, logs);
    expect((await at.post(await log.request(0, 5))).status).toBe(200);
    expect(at.badLists).toHaveLength(1);
    await rm(logs);
    await writeFile(logs, `${text}${late.signer.vkey}\n`);
    expect(await at.post(await late.request(0, 5))).toMatchObject({ status: 503, code: 'record_lost' });
    expect(at.badLists).toHaveLength(1);
  });

  test('with a bad line is told once, however long it stays', async () => {
    const dir = await newWitness([log.signer.vkey]);
    const at = await runWitness(dir);
    await writeFile(witnessPaths(dir).logs, 'x\n');
    for (let i = 0; i < 3; i += 1) {
      expect((await at.post(await log.request(i, i + 1))).status).toBe(200);
      at.clock.pass(10_000);
    }
    expect(at.badLists).toHaveLength(1);
  });

  test('a log that was written into the list by hand has no guard, and is refused', async () => {
    const dir = await newWitness([]);
    await writeFile(witnessPaths(dir).logs, `${log.signer.vkey}\n`);
    const at = await runWitness(dir);
    expect(await at.post(await log.request(0, 5))).toMatchObject({ status: 503, code: 'record_lost' });
    await expect(addLog(dir, log.signer.vkey)).rejects.toMatchObject({ code: 'guard_missing' });
    expect(at.alerts).toMatchObject([{ kind: 'refused', code: 'guard_missing', origin: log.origin }]);
  });

  test.each<[string, (guard: string) => Promise<unknown>]>([
    ['its folder', (guard) => mkdir(guard)],
    ['an empty file in it', (guard) => mkdir(guard).then(() => writeFile(join(guard, 'owner.0'), ''))],
    [
      'half a file in it',
      (guard) => createFileGuard(guard, FRESH_MARK).then(() => truncate(join(guard, 'owner.0'), 40)),
    ],
    ['the whole guard', (guard) => createFileGuard(guard, FRESH_MARK)],
  ])('add-log that was killed after it had made %s goes on when it is called again', async (_, cut) => {
    const dir = await newWitness([]);
    await cut(guardFolder(dir, log.origin));
    expect(await addLog(dir, log.signer.vkey)).toBe(true);
    const at = await runWitness(dir);
    expect((await at.post(await log.request(0, 5))).status).toBe(200);
    expect(at.alerts).toEqual([]);
  });

  test('a guard that was taken over is never made again, though its log is not listed and nothing can be read', async () => {
    const dir = await newWitness([log.signer.vkey]);
    const at = await runWitness(dir);
    expect((await at.post(await log.request(0, 5))).status).toBe(200);
    await at.close();
    await writeFile(witnessPaths(dir).logs, '');
    const guard = guardFolder(dir, log.origin);
    for (const name of await readdir(guard)) await writeFile(join(guard, name), '');
    expect(await addLog(dir, log.signer.vkey)).toBe(true);
    const again = await runWitness(dir);
    expect(await again.post(await log.request(0, 7))).toMatchObject({ status: 503, code: 'record_lost' });
    expect(again.alerts).toMatchObject([{ kind: 'refused', code: 'guard_unreadable' }]);
  });

  describe('of which the second log cannot be taken up', () => {
    const third = GrowingLog.of(testSigner('third.example'), 20);
    /** A witness without logs, and how many guards it holds open; the guard of the third log comes to `failure` while there is one. */
    const holding = async (failure: Error) => {
      const dir = await newWitness([]);
      const state: { open: number; failure: Error | undefined } = { open: 0, failure };
      const counted = (guard: Guard): Guard => {
        state.open += 1;
        const close = (): Promise<void> => {
          state.open -= 1;
          return guard.close();
        };
        return { mark: guard.mark, raise: (mark) => guard.raise(mark), close };
      };
      const planted = (deps: WitnessDeps): WitnessDeps => ({
        ...deps,
        takeGuard: async (origin) => {
          if (origin === third.origin && state.failure !== undefined) throw state.failure;
          return counted(await deps.takeGuard(origin));
        },
      });
      const at = await runWitness(dir, { planted });
      for (const { signer } of [late, third]) await addLog(dir, signer.vkey);
      return { at, dir, state };
    };

    test.each([
      ['a disk that takes no writes', new TlogError('not_writable', 'full')],
      ['what the disk says', Object.assign(new Error('EIO: i/o error'), { code: 'EIO' })],
    ])('%s: neither is, no guard stays open, and both are once the list changes', async (_, failure) => {
      const { at, dir, state } = await holding(failure);
      expect((await at.post(await late.request(0, 5))).status).toBe(404);
      expect([state.open, at.badLists]).toEqual([0, [expect.stringContaining(failure.message)]]);
      state.failure = undefined;
      await addLog(dir, log.signer.vkey);
      for (const each of [late, third, log])
        expect((await at.post(await each.request(0, 5))).status).toBe(200);
      expect(state.open).toBe(3);
    });

    test('an unchanged list is tried again after ten seconds, and what is in doubt is told once', async () => {
      const { at, dir, state } = await holding(new Error('EIO: i/o error'));
      // Without a guard: refused, before the third log fails.
      await writeFile(
        witnessPaths(dir).logs,
        [log, late, third].map(({ signer }) => `${signer.vkey}\n`).join(''),
      );
      const status = async (): Promise<number> => (await at.post(await late.request(0, 5))).status;
      const tell = async (): Promise<unknown[]> => [await status(), at.badLists.length, at.alerts.length];
      expect(await tell()).toEqual([404, 1, 1]);
      at.clock.pass(9_999);
      expect(await tell()).toEqual([404, 1, 1]);
      at.clock.pass(1);
      expect(await tell()).toEqual([404, 2, 1]);
      state.failure = undefined;
      expect(await tell()).toEqual([404, 2, 1]);
      at.clock.pass(10_000);
      expect(await tell()).toEqual([200, 2, 1]);
      at.clock.pass(3_600_000);
      expect([(await at.post(await third.request(0, 5))).status, await tell()]).toEqual([200, [409, 2, 1]]);
      await writeFile(witnessPaths(dir).logs, [log, late].map(({ signer }) => `${signer.vkey}\n`).join(''));
      expect(await tell()).toEqual([409, 2, 2]);
      expect([at.alerts.map(({ kind }) => kind), state.open]).toEqual([['refused', 'refused'], 1]);
    });

    test('a guard that another process has taken over: the witness ends', async () => {
      const failure = new TlogError('guard_superseded', 'taken over');
      const { at } = await holding(failure);
      expect((await at.post(await late.request(0, 5))).status).toBe(404);
      expect(await at.witness.failed).toBe(failure);
    });
  });

  test('a log whose guard is gone is not added again', async () => {
    const dir = await newWitness([log.signer.vkey]);
    await rm(guardFolder(dir, log.origin), { recursive: true });
    await expect(addLog(dir, log.signer.vkey)).rejects.toMatchObject({ code: 'guard_missing' });
  });
});

/** Every encoding of a point of small order, and of one whose y is not below p: such keys verify any message, or twice. */
const P = 2n ** 255n - 19n;
const Y8 = [
  '26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05',
  'c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a',
].map((hex) => BigInt(`0x${Buffer.from(hex, 'hex').reverse().toString('hex')}`));
const encode = (y: bigint, sign: bigint): Uint8Array => {
  const number = y + (sign << 255n);
  return Uint8Array.from({ length: 32 }, (_, i) => Number((number >> BigInt(8 * i)) & 255n));
};
const smallOrder = [0n, 1n, P - 1n, ...Y8].flatMap((y) => [0n, 1n].map((sign) => encode(y, sign)));
const notCanonical = Array.from({ length: 19 }, (_, i) => encode(P + BigInt(i), 0n));

describe('WITNESS-11 keys that verify anything', () => {
  const weak = [...smallOrder, ...notCanonical].map((publicKey) => {
    const name = 'log.example/main';
    return formatVerifierKey({
      name,
      type: ED25519,
      publicKey,
      keyId: computeKeyId(name, ED25519, publicKey),
    });
  });

  test(`${weak.length} of them are refused by add-log, in a running list and at a start`, async () => {
    const dir = await newWitness([]);
    const at = await runWitness(dir);
    const { logs } = witnessPaths(dir);
    for (const [i, vkey] of weak.entries()) {
      await expect(addLog(dir, vkey), vkey).rejects.toMatchObject({ code: 'weak_key' });
      await rm(logs);
      await writeFile(logs, `${'#'.repeat(i)}\n${vkey}\n`);
      await at.witness.follow();
      expect(at.badLists).toHaveLength(i + 1);
      expect(at.badLists.at(-1)).toContain('line 2 of the list of logs');
      expect(at.witness.logs()).toEqual([]);
    }
    await at.close();
    await expect(runWitness(dir)).rejects.toMatchObject({ code: 'invalid_config' });
  });

  test('a cosigner is made of a type 4 key alone', () => {
    const { skey } = generateSigningKey(() => new Uint8Array(32).fill(9), 'w');
    expect(() => createCosigner(skey)).toThrow(expect.objectContaining({ code: 'malformed_key' }));
  });
});
