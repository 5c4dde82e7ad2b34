import { rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { readFileGuard } from '../../src/store/file-guard.ts';
import { Campaign, stopInOrder } from '../crash/campaign.ts';
import { type CompiledPrograms, compilePrograms } from '../crash/programs.ts';
import { type Ended, isRunning, type ServerProcess } from '../support/server-process.ts';
import { Ext4Volume, ext4Missing } from './ext4-volume.ts';
import { mountMissing, SmallVolume } from './small-volume.ts';

const SEED = Date.now() % 2 ** 32;
const MIB = 1024 * 1024;
const kept = { lost: 0, conflicts: [], doubled: 0 };
let programs: CompiledPrograms;

beforeAll(async () => {
  console.info(`disk seed ${SEED}`);
  programs = await compilePrograms();
});
afterAll(() => programs?.[Symbol.asyncDispose]());

const campaignOf = (
  prepare?: (folder: string) => Promise<void>,
  log: 'main' | 'audit' = 'main',
): Promise<Campaign> =>
  Campaign.create({ programs, kills: 0, seed: SEED, heavyShare: 0, killWithinMs: 0, log }, prepare);

async function running(campaign: Campaign, flags: string[] = []): Promise<ServerProcess> {
  const server = await campaign.start({ flags });
  if (!isRunning(server)) throw new Error(`serve ended with ${server.code}: ${server.said}`);
  return server;
}

async function refused(campaign: Campaign): Promise<Ended> {
  const server = await campaign.start();
  if (isRunning(server)) throw new Error('serve started');
  return server;
}

/** Starts, compares with all that was promised, looks that entries are taken again, and stops. */
async function goesOn(campaign: Campaign): Promise<void> {
  const server = await running(campaign);
  expect(await campaign.compare(server, true)).toMatchObject(kept);
  await write(campaign, server, 20);
  await stopInOrder(server);
  expect(await campaign.fsck()).toBe('');
}

/** So many acks by a load that is then stopped; how the server ended if it did. */
async function write(
  campaign: Campaign,
  server: ServerProcess,
  acks: number,
  weight: 'light' | 'heavy' = 'light',
) {
  const stop = new AbortController();
  const load = campaign.load(server, weight, stop.signal);
  const ended = await campaign.moreAcks(acks, server);
  stop.abort();
  await load;
  return ended;
}

const post = (campaign: Campaign, server: ServerProcess): Promise<Response> =>
  fetch(`${server.url}/logs/main/entries`, {
    method: 'POST',
    headers: {
      authorization: `Bearer ${campaign.identity.token}`,
      'content-type': 'application/octet-stream',
    },
    body: 'an entry',
  });

describe.skipIf(mountMissing() !== undefined)('a disk that is full', () => {
  test('SEQ-11 the reserve refuses before the disk is full, and entries are taken again by themselves', async () => {
    let volume: SmallVolume | undefined;
    await using campaign = await campaignOf(async (folder) => {
      volume = await SmallVolume.mount(join(folder, 'data'), 'size=48m');
    });
    await using mounted = volume as SmallVolume;
    const server = await running(campaign, ['--reserve-bytes', `${24 * MIB}`]);
    for (let cycle = 0; cycle < 3; cycle += 1) {
      expect(await write(campaign, server, 100)).toBeUndefined();
      const free = await mounted.fill(23 * MIB);
      // What was measured before may be a moment old: within it one more entry may pass, but not two such moments.
      let answer = await post(campaign, server);
      for (let tries = 0; answer.status === 201 && tries < 1_000; tries += 1)
        answer = await post(campaign, server);
      expect([answer.status, answer.headers.get('retry-after')]).toEqual([
        507,
        expect.stringMatching(/^[1-9]/),
      ]);
      expect(await answer.json()).toMatchObject({ code: 'storage_full' });
      expect((await fetch(`${server.url}/readyz`)).status).toBe(507);
      await free();
      while ((await fetch(`${server.url}/readyz`)).status !== 200);
    }
    server.kill('SIGKILL');
    await server.ended;
    await goesOn(campaign);
  });

  test('SEQ-11 writers alone never fill it beyond the reserve', async () => {
    let volume: SmallVolume | undefined;
    await using campaign = await campaignOf(async (folder) => {
      volume = await SmallVolume.mount(join(folder, 'data'), 'size=48m');
    });
    await using mounted = volume as SmallVolume;
    const server = await running(campaign, ['--reserve-bytes', `${28 * MIB}`]);
    const stop = new AbortController();
    const load = campaign.load(server, 'heavy', stop.signal);
    while ((await fetch(`${server.url}/readyz`)).status !== 507);
    stop.abort();
    await load;
    await stopInOrder(server);
    await mounted.remount('size=128m');
    await goesOn(campaign);
  });

  test('SEQ-4 without a reserve the process ends with 70 and loses nothing', async () => {
    let volume: SmallVolume | undefined;
    await using campaign = await campaignOf(async (folder) => {
      volume = await SmallVolume.mount(join(folder, 'data'), 'size=14m');
    });
    await using mounted = volume as SmallVolume;
    const server = await running(campaign, ['--reserve-bytes', '0']);
    const ended = await write(campaign, server, Number.POSITIVE_INFINITY, 'heavy');
    expect([ended?.code, ended?.said]).toEqual([70, expect.stringMatching(/No space left|ENOSPC/)]);
    await mounted.remount('size=128m');
    await goesOn(campaign);
  });

  test('GUARD-1 a full guard stops no raise, and refuses a take-over without harm', async () => {
    let volume: SmallVolume | undefined;
    await using campaign = await campaignOf(async (folder) => {
      volume = await SmallVolume.mount(join(folder, 'data.guard'), 'size=256k');
    });
    await using mounted = volume as SmallVolume;
    const server = await running(campaign);
    const free = await mounted.fill(0);
    expect(await write(campaign, server, 200)).toBeUndefined();
    server.kill('SIGKILL');
    await server.ended;
    for (let tries = 0; tries < 2; tries += 1) {
      const { code, said } = await refused(campaign);
      expect([code, said]).toEqual([1, expect.stringContaining('not_writable')]);
    }
    await free();
    await goesOn(campaign);
  });

  test('SEQ-4 no inodes left: the process ends with 70, a start is refused, nothing is lost', async () => {
    let volume: SmallVolume | undefined;
    await using campaign = await campaignOf(async (folder) => {
      volume = await SmallVolume.mount(join(folder, 'data'), 'size=256m,nr_inodes=200');
    });
    await using mounted = volume as SmallVolume;
    const server = await running(campaign);
    const free = await mounted.takeInodes();
    const ended = await write(campaign, server, Number.POSITIVE_INFINITY, 'heavy');
    expect([ended?.code, ended?.said]).toEqual([70, expect.stringMatching(/No space left|ENOSPC/)]);
    const { code, said } = await refused(campaign);
    expect([code, said]).toEqual([1, expect.stringContaining('not_writable')]);
    await free();
    await goesOn(campaign);
  });

  test('EVENT-18 no room for verbatim bytes of events: the process ends with 70 and the words of the disk, nothing is lost', async () => {
    let volume: SmallVolume | undefined;
    await using campaign = await campaignOf(async (folder) => {
      volume = await SmallVolume.mount(join(folder, 'data'), 'size=256m,nr_inodes=200');
    }, 'audit');
    await using mounted = volume as SmallVolume;
    const server = await running(campaign);
    const free = await mounted.takeInodes();
    const ended = await write(campaign, server, Number.POSITIVE_INFINITY);
    expect([ended?.code, ended?.said]).toEqual([
      70,
      expect.stringMatching(/"code":"commit_unknown","message":"[^"]*could not be written: ENOSPC/),
    ]);
    await free();
    await goesOn(campaign);
  });

  test('STORE-9 a read-only disk refuses the start as what it is', async () => {
    let volume: SmallVolume | undefined;
    await using campaign = await campaignOf(async (folder) => {
      volume = await SmallVolume.mount(join(folder, 'data'), 'size=64m');
    });
    await using mounted = volume as SmallVolume;
    const server = await running(campaign);
    await write(campaign, server, 50);
    await stopInOrder(server);
    await mounted.remount('ro');
    const { code, said } = await refused(campaign);
    expect([code, said]).toEqual([1, expect.stringContaining('not_writable')]);
    await mounted.remount('rw');
    await goesOn(campaign);
  });
});

describe.skipIf(ext4Missing() !== undefined)('a disk that turns read-only under a running server', () => {
  test.each([
    ['data', 'data', /Read-only file system/],
    ['guard', 'data.guard', /guard_unknown/],
  ])('SEQ-4 that of the %s: the next append is no ack, the process ends with 70, nothing is signed after', async (_, name, words) => {
    let volume: Ext4Volume | undefined;
    await using campaign = await campaignOf(async (folder) => {
      volume = await Ext4Volume.make(join(folder, name));
    });
    await using mounted = volume as Ext4Volume;
    const guard = join(campaign.folder, 'data.guard', 'main');
    const server = await running(campaign);
    await write(campaign, server, 100);
    const before = await readFileGuard(guard);
    await mounted.abort();
    expect(
      await post(campaign, server).then(
        ({ status }) => status,
        () => 0,
      ),
    ).not.toBe(201);
    const ended = await server.ended;
    expect([ended.code, ended.said]).toEqual([70, expect.stringMatching(words)]);
    const start = await refused(campaign);
    expect([start.code, start.said]).toEqual([1, expect.stringContaining('not_writable')]);
    await mounted.mend();
    expect(await readFileGuard(guard)).toEqual(before);
    await goesOn(campaign);
  });
});

describe('STORE-8 folders that are taken away under a running server', () => {
  /** What is done, and what may be said of it: writers and the watch look at the same thing. */
  const taken: [string, (campaign: Campaign) => Promise<void>, RegExp][] = [
    [
      'the data is removed',
      ({ folder }) => rm(join(folder, 'data'), { recursive: true }),
      /commit_unknown|data_lost/,
    ],
    [
      'the data is moved',
      ({ folder }) => rename(join(folder, 'data'), join(folder, 'x')),
      /commit_unknown|data_lost/,
    ],
    [
      'the guard is removed',
      ({ folder }) => rm(join(folder, 'data.guard'), { recursive: true }),
      /guard_superseded/,
    ],
  ];

  test.each(taken)('%s: the process ends with 70', async (_, take, words) => {
    await using campaign = await campaignOf();
    const server = await running(campaign);
    const stop = new AbortController();
    const load = campaign.load(server, 'light', stop.signal);
    await campaign.moreAcks(200, server);
    await take(campaign);
    const { code, said } = await server.ended;
    await load;
    expect([code, said]).toEqual([70, expect.stringMatching(words)]);
  });

  test('nothing is signed after the data was moved, and what was acked is there when it is back', async () => {
    await using campaign = await campaignOf();
    const server = await running(campaign);
    await write(campaign, server, 100);
    const [data, elsewhere] = [join(campaign.folder, 'data'), join(campaign.folder, 'elsewhere')];
    const guard = join(campaign.folder, 'data.guard', 'main');
    const before = await readFileGuard(guard);
    await rename(data, elsewhere);
    // Answered or not, it is no ack.
    expect(
      await post(campaign, server).then(
        ({ status }) => status,
        () => 0,
      ),
    ).not.toBe(201);
    expect((await server.ended).code).toBe(70);
    expect(await readFileGuard(guard)).toEqual(before);
    await rename(elsewhere, data);
    await goesOn(campaign);
  });
});
