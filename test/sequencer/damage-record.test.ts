import { mkdir, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { TlogError } from '../../src/core/error.ts';
import { systemClock } from '../../src/runtime/clock.ts';
import { DamageRecord, FINDINGS_MAX, keptFindings } from '../../src/sequencer/damage-record.ts';
import { type Damage, damageOf, type Finding, findingOf } from '../../src/sequencer/finding.ts';
import {
  closeFindings,
  findingFile,
  type KeptFindings,
  NO_FINDINGS,
} from '../../src/sequencer/finding-file.ts';
import { openLog } from '../../src/sequencer/open-log.ts';
import { ROW_PARTS } from '../../src/store/row-place.ts';
import { bundleKey, retryKey, tileKey } from '../../src/store/rows.ts';
import { tempFolder } from '../support/temp-folder.ts';
import { newDataDirectory } from '../support/test-log.ts';

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');
const NONE: KeptFindings = NO_FINDINGS;

/** A record without a file, and what it asked for. */
function recording(kept: KeptFindings): { record: DamageRecord; did: string[] } {
  const did: string[] = [];
  const record = new DamageRecord(
    {
      log: 'main',
      clock: { nowMs: () => 0 },
      file: undefined,
      withhold: (row) => did.push(`withhold ${hex(row)}`),
      withholdSort: (part) => did.push(`withhold every ${part}`),
      halt: () => did.push('halt'),
      alert: ({ message }, unkept) => did.push(`alert ${message} ${unkept}`),
    },
    kept,
  );
  return { record, did };
}

function found(message: string, row?: Uint8Array): Finding {
  const damage: Damage = row === undefined ? { message } : { message, row };
  return findingOf(damage, { log: 'main', by: 'scrub', atMs: 0 });
}

describe('SCRUB-6 the record of findings', () => {
  test('a row is told once by whatever name, damage without a row once by its message', async () => {
    const { record, did } = recording(NONE);
    expect([record.isOpen, record.findings.length, record.more]).toEqual([false, 0, 0]);
    record.report({ row: bundleKey(1), message: 'one' }, 'read');
    record.report({ row: bundleKey(1), message: 'one, in other words' }, 'scrub');
    record.report({ message: 'memory' }, 'scrub');
    record.report({ message: 'memory' }, 'scrub');
    await record.settled();
    expect([record.isOpen, record.findings.length, record.more]).toEqual([true, 2, 0]);
    expect(did).toEqual([
      `withhold ${hex(bundleKey(1))}`,
      'halt',
      'alert one undefined',
      'alert memory undefined',
    ]);
  });

  test('what an earlier process found is withheld and known, and told to nobody again', async () => {
    const { record, did } = recording({ ...NONE, findings: [found('row', tileKey(0, 1)), found('memory')] });
    record.report({ row: tileKey(0, 1), message: 'row' }, 'read');
    record.report({ message: 'memory' }, 'scrub');
    await record.settled();
    expect([record.findings.length, did]).toEqual([2, [`withhold ${hex(tileKey(0, 1))}`]]);
  });

  test('one beyond 1,000 withholds every row of its sort, whose findings are told no more', async () => {
    const findings = Array.from({ length: FINDINGS_MAX - 1 }, (_, i) => found(`${i}`, bundleKey(i)));
    const { record, did } = recording({ ...NONE, findings });
    did.length = 0;
    record.report({ message: 'the last', row: tileKey(0, 0) }, 'scrub');
    expect(did).toEqual([`withhold ${hex(tileKey(0, 0))}`]);
    for (const i of [1, 2, 2]) record.report({ message: 'a tile', row: tileKey(0, i) }, 'scrub');
    record.report({ message: 'a known bundle', row: bundleKey(1) }, 'scrub');
    record.report({ message: 'another bundle', row: bundleKey(5_000) }, 'scrub');
    record.report({ message: 'no row' }, 'scrub');
    await record.settled();
    expect([record.findings.length, record.more, record.withheldSorts]).toEqual([
      FINDINGS_MAX,
      3,
      ['tile', 'bundle'],
    ]);
    expect(did.slice(1)).toEqual([
      'withhold every tile',
      'withhold every bundle',
      'alert the last undefined',
      expect.stringMatching(/^alert a tile\. .*no row of sort tile is served/),
      expect.stringMatching(/^alert another bundle\. .*no row of sort bundle is served/),
    ]);
  });

  test('sorts that an earlier process withheld stay so, and their findings are told to nobody', async () => {
    const { record, did } = recording({ ...NONE, more: 3, withheldSorts: ['retry', 'head'] });
    record.report({ message: 'one more', row: retryKey(new Uint8Array(32)) }, 'scrub');
    await record.settled();
    expect([record.isOpen, record.more, record.refusal().code]).toEqual([true, 3, 'log_damaged']);
    expect(did).toEqual(['withhold every retry', 'withhold every head']);
  });

  test.each<[string, number, number, KeptFindings['withheldSorts']]>([
    ['as many as there is room for', FINDINGS_MAX, 0, []],
    ['one more, a tile', FINDINGS_MAX + 1, 1, ['tile']],
    ['two tiles more, and what is in no row', FINDINGS_MAX + 3, 3, ['tile']],
  ])('of a repair: %s', (_, count, more, withheldSorts) => {
    const all = Array.from({ length: count }, (_, i) =>
      i < FINDINGS_MAX
        ? found(`${i}`, bundleKey(i))
        : i < FINDINGS_MAX + 2
          ? found('x', tileKey(0, i))
          : found('y'),
    );
    expect(keptFindings(all)).toEqual({ findings: all.slice(0, FINDINGS_MAX), more, withheldSorts });
  });
});

describe('SCRUB-6 a finding says what is known of it', () => {
  const row = tileKey(2, 3);
  const place = { part: 'tile', level: 2, index: 3, row: hex(row) };

  test.each<[string, TlogError['details'], Damage, object]>([
    ['nothing but words', {}, { message: 'words' }, { part: 'memory' }],
    ['a row', { row: hex(row) }, { message: 'words', row: Buffer.from(row) }, place],
    [
      'an entry with both hashes',
      { row: hex(row), index: 7, expected: 'aa', actual: 'bb' },
      { message: 'words', row: Buffer.from(row), entry: 7, expected: 'aa', actual: 'bb' },
      { ...place, entry: 7, expected: 'aa', actual: 'bb' },
    ],
    ['members of other kinds', { row: 1, index: '7', expected: 1 }, { message: 'words' }, { part: 'memory' }],
  ])('%s', (_, details, damage, members) => {
    expect(damageOf(new TlogError('storage_corrupt', 'words', { details }))).toEqual(damage);
    expect(findingOf(damage, { log: 'main', by: 'read', atMs: 0 })).toEqual({
      ...members,
      log: 'main',
      message: 'words',
      foundBy: 'read',
      foundAt: '1970-01-01T00:00:00.000Z',
      whatNext: expect.stringContaining('stele repair'),
    });
  });

  test.each([
    ['another error of ours', new TlogError('not_found', 'words')],
    ['an error of the disk', new Error('EIO')],
    ['no error', undefined],
  ])('%s is no damage', (_, error) => expect(damageOf(error)).toBeUndefined());
});

describe('SCRUB-6 damage.json', () => {
  const row = hex(bundleKey(0));

  test.each<[string, unknown, boolean]>([
    ['a finding with a row', [{ message: 'x', row }], true],
    ['one without', [{ message: 'x' }], true],
    ['one without words', [{ row }], false],
    ['a row that is no hex', [{ message: 'x', row: 'xy' }], false],
    ['a row of half a byte', [{ message: 'x', row: '123' }], false],
    ['a row that is a number', [{ message: 'x', row: 1 }], false],
    ['null', [null], false],
    ['a number of more that is none', undefined, false],
  ])('with %s', async (_, findings, taken) => {
    const dir = await newDataDirectory();
    const members = findings === undefined ? { findings: [], more: 0.5 } : { findings, more: 0 };
    await writeFile(join(dir.dataPath, 'logs/main/damage.json'), JSON.stringify({ schema: 1, ...members }));
    const opened = openLog({ dir, clock: systemClock }, 'main');
    if (!taken) return expect(opened).rejects.toMatchObject({ code: 'data_damaged' });
    await using log = await opened;
    expect(log.findings).toEqual(findings);
    return expect(log.status().reason).toBe('log_damaged');
  });

  test.each<[string, object, readonly string[] | undefined]>([
    ['nothing withheld', { more: 0, withheldSorts: [] }, []],
    ['two sorts', { more: 7, withheldSorts: ['tile', 'unknown'] }, ['tile', 'unknown']],
    ['from before there were such, all listed', { more: 0 }, []],
    ['from before there were such, more than listed: any sort', { more: 1 }, ROW_PARTS],
    ['a sort that there is not', { more: 1, withheldSorts: ['memory'] }, undefined],
    ['sorts that are no list', { more: 1, withheldSorts: 'tile' }, undefined],
  ])('with sorts that are withheld: %s', async (_, members, sorts) => {
    const folder = await tempFolder();
    await writeFile(join(folder, 'damage.json'), JSON.stringify({ schema: 1, findings: [], ...members }));
    const read = findingFile(folder).read();
    if (sorts === undefined) return expect(read).rejects.toMatchObject({ code: 'data_damaged' });
    const kept = await read;
    expect(kept.withheldSorts).toEqual(sorts);
    await findingFile(folder).write(kept);
    return expect(await findingFile(folder).read()).toEqual(kept);
  });

  test('is put aside once repaired, whether there is one or not', async () => {
    const folder = await tempFolder();
    const file = findingFile(folder);
    await closeFindings(folder, 5);
    expect(await readdir(folder)).toEqual([]);
    await file.write({ ...NONE, findings: [found('x')] });
    await closeFindings(folder, 5);
    expect(await readdir(folder)).toEqual(['damage.repaired-5.json']);
    expect(await file.read()).toEqual(NONE);
  });

  test('that cannot be put aside stays in force', async () => {
    const folder = await tempFolder();
    await findingFile(folder).write({ ...NONE, findings: [found('x')] });
    await mkdir(join(folder, 'damage.repaired-5.json'));
    await expect(closeFindings(folder, 5)).rejects.toMatchObject({ code: 'EISDIR' });
    expect((await findingFile(folder).read()).findings).toHaveLength(1);
  });
});
