import { cp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { describe, expect, test } from 'vitest';
import type { Alert } from '../../src/alert/alert.ts';
import { alertOfWitness } from '../../src/cli/alerting.ts';
import { parseEvidence } from '../../src/core/evidence/evidence.ts';
import { judgeEvidence } from '../../src/core/evidence/judge.ts';
import { portableHasher } from '../../src/core/merkle/hasher.ts';
import { formatAddCheckpoint } from '../../src/core/note/add-checkpoint.ts';
import { parseVerifierKey } from '../../src/core/note/key.ts';
import { treeSize } from '../../src/core/units.ts';
import { ed25519Verify } from '../../src/runtime/ed25519.ts';
import { CheckedStore } from '../../src/store/checked-store.ts';
import { LevelStore } from '../../src/store/level-store.ts';
import { evidenceBeside, RECORDS_MAX } from '../../src/witness/alert-record.ts';
import { openWitness } from '../../src/witness/open-witness.ts';
import { guardFolder, type WitnessDirectory, witnessPaths } from '../../src/witness/witness-directory.ts';
import { originHash, recordKey } from '../../src/witness/witness-record.ts';
import { GrowingLog, testSigner } from '../support/growing-log.ts';
import { expectTold } from '../support/telling.ts';
import { keptAlert, newWitness, type RunningDesk, runWitness } from '../support/witness-desk.ts';

const log = GrowingLog.of(testSigner('log.example/main'), 40);
const other = GrowingLog.of(testSigner('other.example'), 40);
const forked = GrowingLog.of(log.signer, 40, { from: 3 });

/** A witness that has cosigned size 8 and then 13 of a log, and nothing of another; `older` has its database at 8. */
async function stopped(): Promise<WitnessDirectory & { readonly older: string }> {
  const dir = await newWitness([log.signer.vkey, other.signer.vkey]);
  const first = await runWitness(dir);
  await first.post(await log.request(0, 8));
  await first.close();
  const older = `${dir.dataPath}.older`;
  await cp(witnessPaths(dir).db, older, { recursive: true });
  const second = await runWitness(dir);
  await second.post(await log.request(8, 13));
  await second.close();
  return { ...dir, older };
}

/** As a disk that is full: nothing can be written to the folder of alerts. */
async function noAlertFiles(dir: WitnessDirectory): Promise<void> {
  await rm(witnessPaths(dir).alerts, { recursive: true });
  await writeFile(witnessPaths(dir).alerts, '');
}

async function emptied(path: string): Promise<void> {
  await rm(path, { recursive: true });
  await (await LevelStore.create(path)).close();
}

/** Writes a row as the witness does, or bytes that fail their check. */
async function setRow(dir: WitnessDirectory, change: (row: Uint8Array) => Uint8Array, isChecked: boolean) {
  const level = await LevelStore.open(witnessPaths(dir).db);
  const store = isChecked ? new CheckedStore(level) : level;
  await store.accept();
  const key = recordKey(originHash(log.origin));
  const row = (await store.get(key)) ?? new Uint8Array();
  await store.commit({ puts: [{ key, value: change(Uint8Array.from(row)) }], deletes: [] });
  await store.close();
}

const COMPARED = ['sizes', 'expectedHash', 'actualHash'] as const;
const toldBy = ({ alerts: [alert], files: [file] }: RunningDesk): Alert => {
  if (alert === undefined) throw new Error('no alert');
  return alertOfWitness(alert, file);
};

const LOST: [string, string, (dir: WitnessDirectory & { older: string }) => Promise<void>][] = [
  ['the database opens empty', 'record_lost', (dir) => emptied(witnessPaths(dir).db)],
  [
    'the database is an older one',
    'record_lost',
    async (dir) => {
      await rm(witnessPaths(dir).db, { recursive: true });
      await cp(dir.older, witnessPaths(dir).db, { recursive: true });
    },
  ],
  ['the guard is gone', 'guard_missing', (dir) => rm(guardFolder(dir, log.origin), { recursive: true })],
  [
    'the guard has no valid slot',
    'guard_unreadable',
    async (dir) => {
      const folder = guardFolder(dir, log.origin);
      for (const name of await readdir(folder)) await writeFile(`${folder}/${name}`, 'x');
    },
  ],
  ['the row fails its check', 'storage_corrupt', (dir) => setRow(dir, (row) => row.fill(1, 9, 10), false)],
  ['the record has another root', 'guard_conflict', (dir) => setRow(dir, (row) => row.fill(1, 9, 10), true)],
  [
    'the record has another note',
    'guard_conflict',
    (dir) => setRow(dir, (row) => row.fill(65, -2, -1), true),
  ],
  [
    'the record is of an earlier second',
    'record_lost',
    (dir) => setRow(dir, (row) => row.fill(0, 47, 48), true),
  ],
  ['the record is cut short', 'storage_corrupt', (dir) => setRow(dir, (row) => row.slice(0, 47), true)],
];

describe('WITNESS-5 a known log whose record is in doubt is never started again from 0', () => {
  test.each(LOST)('%s: %s', async (_, code, lose) => {
    const dir = await stopped();
    await lose(dir);
    const at = await runWitness(dir);
    for (const from of [0, 8, 13])
      expect(await at.post(await log.request(from, 20))).toMatchObject({ status: 503, code: 'record_lost' });
    expect((await at.last(log.origin)).status).toBe(404);
    expect((await at.post(await other.request(0, 5))).status).toBe(200);
    expect(at.alerts).toMatchObject([{ kind: 'refused', code, origin: log.origin }]);
    expect((await at.get('/metrics')).text).toContain('stele_witness_refused_logs 1');
    const [name = ''] = await readdir(witnessPaths(dir).alerts);
    expect(name).toMatch(new RegExp(`^refused-${originHash(log.origin)}-[0-9a-f]{16}\\.json$`));
    const kept = JSON.parse(await keptAlert(dir, name));
    expect(kept).toMatchObject({ schema: 1, kind: 'refused', code, origin: log.origin });
    const isCompared = code === 'record_lost' || code === 'guard_conflict';
    await expectTold(toldBy(at), ['evidenceFile', ...(isCompared ? COMPARED : [])]);
    expect(toldBy(at).cause).toBe(isCompared ? undefined : code);
  });

  test('is refused, and others are not, though the alert cannot be written', async () => {
    const dir = await stopped();
    await rm(guardFolder(dir, log.origin), { recursive: true });
    await noAlertFiles(dir);
    const at = await runWitness(dir);
    expect((await at.post(await log.request(13, 20))).status).toBe(503);
    expect((await at.post(await other.request(0, 5))).status).toBe(200);
    expect([at.unkept, at.files]).toEqual([at.alerts, [undefined]]);
    expect(at.alerts).toMatchObject([{ kind: 'refused', code: 'guard_missing' }]);
  });

  test('what was restored is taken up when the list changes', async () => {
    const dir = await stopped();
    const guard = guardFolder(dir, log.origin);
    await cp(guard, `${guard}.away`, { recursive: true });
    await rm(guard, { recursive: true });
    const at = await runWitness(dir);
    expect((await at.post(await log.request(13, 20))).status).toBe(503);
    await cp(`${guard}.away`, guard, { recursive: true });
    expect((await at.post(await log.request(13, 20))).status).toBe(503);
    await writeFile(witnessPaths(dir).logs, `${log.signer.vkey}\n`);
    expect((await at.post(await log.request(13, 20))).status).toBe(200);
  });

  test('a record above its guard is one that a crash kept from it', async () => {
    const dir = await stopped();
    const before = `${dir.guardPath}.before`;
    await cp(dir.guardPath, before, { recursive: true });
    const ahead = await runWitness(dir);
    await ahead.post(await log.request(13, 20));
    await ahead.close();
    await rm(dir.guardPath, { recursive: true });
    await cp(before, dir.guardPath, { recursive: true });
    const at = await runWitness(dir);
    expect((await at.last(log.origin)).text).toContain('\n20\n');
    await at.close();
    // The start has raised the guard: the older database is refused from now on.
    await emptied(witnessPaths(dir).db);
    expect((await (await runWitness(dir)).post(await log.request(13, 20))).code).toBe('record_lost');
  });

  test('data and guard that were copied together go on', async () => {
    const dir = await stopped();
    const copy = { dataPath: `${dir.dataPath}.copy`, guardPath: `${dir.guardPath}.copy` };
    await cp(dir.dataPath, copy.dataPath, { recursive: true });
    await cp(dir.guardPath, copy.guardPath, { recursive: true });
    expect((await (await runWitness(copy)).post(await log.request(13, 20))).status).toBe(200);
  });

  test.each<[string, string, (dir: WitnessDirectory) => Promise<void>]>([
    ['no database', 'data_damaged', (dir) => rm(witnessPaths(dir).db, { recursive: true })],
    ['no witness.json', 'no_data', (dir) => rm(witnessPaths(dir).manifest)],
    ['half a witness.json', 'invalid_config', (dir) => writeFile(witnessPaths(dir).manifest, '{"schema":1')],
    [
      'another version',
      'schema_unsupported',
      (dir) => writeFile(witnessPaths(dir).manifest, '{"schema":2,"name":"a","vkey":"b"}'),
    ],
    [
      'another key',
      'key_mismatch',
      (dir) => writeFile(witnessPaths(dir).manifest, '{"schema":1,"name":"a","vkey":"b"}'),
    ],
  ])('%s: the witness does not start', async (_, code, lose) => {
    const dir = await stopped();
    await lose(dir);
    await expect(runWitness(dir)).rejects.toMatchObject({ code });
  });

  test('two on one database: the second does not start', async () => {
    const dir = await stopped();
    await runWitness(dir);
    await expect(runWitness(dir)).rejects.toMatchObject({ code: 'data_locked' });
  });
});

describe('WITNESS-12 a log that forks before the eyes of a witness', () => {
  const lie = portableHasher.leafHash(new Uint8Array());

  test.each<[string, string, number, () => Promise<string>]>([
    ['two roots for one size', 'two-roots', 422, async () => `old 13\n\n${await forked.note(13)}`],
    ['two roots, whatever the old size', 'two-roots', 409, async () => `old 2\n\n${await forked.note(13)}`],
    ['a proof of another tree', 'not-a-prefix', 422, () => forked.request(13, 20)],
    ['an empty tree that is not empty', 'empty-root', 409, async () => `old 0\n\n${await log.note(0, lie)}`],
  ])('%s: the file convicts it', async (_, kind, status, body) => {
    const dir = await stopped();
    const at = await runWitness(dir);
    expect((await at.post(await body())).status).toBe(status);
    expect(at.alerts).toMatchObject([{ kind: 'fork', origin: log.origin }]);
    const alert = JSON.parse(await readFile(at.files[0] ?? '', 'utf8'));
    const text = await keptAlert(dir, alert.evidence);
    expect(text).toBe(at.alerts[0]?.evidence);
    await expectTold(toldBy(at), ['sizes', 'expectedHash', 'actualHash', 'evidenceFile']);
    const trust = { keys: [parseVerifierKey(log.signer.vkey)], ed25519: ed25519Verify };
    expect(await judgeEvidence(portableHasher, parseEvidence(text), trust)).toMatchObject({
      ...{ accused: 'log', kind, origin: log.origin },
    });
    expect((await at.post(await log.request(13, 20))).status).toBe(200);
  });

  test.each<[string, number, () => Promise<string>]>([
    ['a wrong proof', 422, async () => (await log.request(13, 20)).replace(/\n[^\n]{4}/, '\nAAAA')],
    [
      'a proof that is too short',
      422,
      async () => formatAddCheckpoint({ oldSize: treeSize(13), proof: [], note: await log.note(20) }),
    ],
    ['an old size', 409, () => log.request(8, 20)],
    ['an older checkpoint', 409, () => log.request(0, 8)],
    ['the same again with a hash', 422, async () => `old 13\n${'A'.repeat(43)}=\n\n${await log.note(13)}`],
  ])('%s says nothing of the log', async (_, status, body) => {
    const at = await runWitness(await stopped());
    expect((await at.post(await body())).status).toBe(status);
    expect(at.alerts).toEqual([]);
  });

  test('an alert that cannot be written goes out, and its evidence with the reason', async () => {
    const dir = await stopped();
    const at = await runWitness(dir);
    await noAlertFiles(dir);
    expect((await at.post(await forked.request(13, 20))).status).toBe(422);
    expect(at.alerts).toMatchObject([{ kind: 'fork', evidence: expect.stringContaining('not-a-prefix') }]);
    expect([at.unkept, at.files]).toEqual([at.alerts, [undefined]]);
    expect((await at.post(await log.request(13, 20))).status).toBe(200);
  });

  test('where nobody is told, the file is there before the answer', async () => {
    const dir = await stopped();
    await using witness = await openWitness({ dir });
    const request = Buffer.from(await forked.request(13, 20));
    await expect(witness.addCheckpoint(request)).rejects.toMatchObject({ code: 'unproven_checkpoint' });
    expect(await readdir(witnessPaths(dir).alerts)).toEqual([
      expect.stringMatching(/^fork-[0-9a-f-]+\.json$/),
      expect.stringMatching(/^fork-evidence-[0-9a-f-]+\.json$/),
    ]);
  });

  test('each fork is an alert and a file of its own, the same again is not; beyond twenty there are no files', async () => {
    const dir = await stopped();
    const at = await runWitness(dir);
    const lie = async (history: number): Promise<string> => {
      const one = GrowingLog.of(log.signer, 13, { from: 3, history });
      return `old 13\n\n${await one.note(13)}`;
    };
    for (const history of [2, 3, 3]) await at.post(await lie(history));
    expect(new Set(at.files).size).toBe(2);
    for (const [i, file] of at.files.entries())
      expect(await readFile(evidenceBeside(file ?? ''), 'utf8')).toBe(at.alerts[i]?.evidence);
    for (let history = 4; history < RECORDS_MAX + 3; history += 1) await at.post(await lie(history));
    expect(await readdir(witnessPaths(dir).alerts)).toHaveLength(2 * RECORDS_MAX);
    expect(at.files.at(-2)).toBeDefined();
    expect([at.alerts.at(-1)?.kind, at.files.at(-1)]).toEqual(['fork', undefined]);
  });
});
