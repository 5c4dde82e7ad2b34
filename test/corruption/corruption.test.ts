import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type CompiledPrograms, compilePrograms } from '../crash/programs.ts';
import { SeededRandom } from '../support/seeded-random.ts';
import { tempFolder } from '../support/temp-folder.ts';
import { CLASSES, filesBelow, Mutator, mutatedCopy } from './mutation.ts';
import { makeReference } from './reference.ts';
import { sweep } from './sweep.ts';
import { type AnyMutation, Tally, violationsOf } from './tally.ts';
import { toJson } from './target.ts';
import { type FsckFound, NO_TRIAL, type Trial } from './trial.ts';
import { TryWorker } from './try-worker.ts';

const SEED = Date.now() % 2 ** 32;
const MUTATIONS = 100;
let programs: CompiledPrograms;

beforeAll(async () => {
  console.info(`corruption seed ${SEED}`);
  programs = await compilePrograms();
});
afterAll(() => programs?.[Symbol.asyncDispose]());

describe('STORE-2, STORE-11, STORE-15, FSCK-5 files that are damaged', () => {
  test('give no wrong answer and no wrong head, and fsck finds whatever has an effect, in its place', async () => {
    const result = await sweep({
      program: programs.corruptionWorker,
      ...{ mutations: MUTATIONS, entries: 400, seed: SEED },
    });
    const { byClass } = result;
    expect(violationsOf(result)).toEqual([]);
    expect(Object.keys(byClass).sort()).toEqual([...CLASSES].sort());
    expect(Object.values(byClass).reduce((sum, one) => sum + one.mutations, 0)).toBe(MUTATIONS);
  });

  test('come from the seed alone: it makes the same logs, byte by byte', async () => {
    const folder = await tempFolder();
    const [one, other] = [join(folder, 'one'), join(folder, 'other')];
    for (const path of [one, other]) await makeReference(path, 60, new SeededRandom(SEED));
    // LevelDB's notes about itself have the time of day in them.
    const files = (await filesBelow(one)).filter((file) => !/LOG/.test(file));
    expect((await filesBelow(other)).filter((file) => !/LOG/.test(file))).toEqual(files);
    for (const file of files)
      expect([file, await readFile(join(other, file))]).toEqual([file, await readFile(join(one, file))]);
  });

  test('a sound copy answers as the reference does, and one that does not is seen', async () => {
    const folder = await tempFolder();
    const random = new SeededRandom(SEED);
    const reference = await makeReference(join(folder, 'reference'), 300, random);
    const mutator = new Mutator(reference, random);
    const cut = await mutator.make('guard', 'flip');
    if (cut === undefined) throw new Error('no mutation');
    const outcomes = [];
    for (const target of [reference.entries, reference.events]) {
      const other = { ...target, answers: new Map([...target.answers, ['tile/0/000', 'ff']]) };
      const file = join(folder, 'reference.json');
      await writeFile(file, toJson([target, other]));
      using worker = new TryWorker(programs.corruptionWorker, file);
      const copy = join(folder, 'copy');
      for (const place of [0, 1]) {
        // A bit of the slot that is not the newest, or of its padding: the start finds the other one.
        await mutatedCopy(target.folder, copy, cut);
        outcomes.push(await worker.try({ copy, target: place, scrubs: true }));
      }
    }
    const wrong = { ...NO_TRIAL, wrong: ['tile/0/000'] };
    expect(outcomes).toEqual([NO_TRIAL, wrong, NO_TRIAL, wrong]);
  });

  const table = {
    ...({ fileClass: 'table', kind: 'flip', target: 'entries', end: 4_000, what: 'x' } as const),
    ...{ file: 'data/logs/main/db/000005.ldb', bytes: undefined },
  };
  const row = { fileClass: 'row', kind: 'flip', target: 'events', what: 'x' } as const;
  const tile = { ...row, row: { part: 'tile', level: 0, index: 1 } } as const;
  const retry = { ...row, row: { part: 'retry' } } as const;

  test.each<[string, AnyMutation, Partial<FsckFound>, boolean]>([
    ['the block', table, { part: 'file', index: 100, message: '/db/000005.ldb' }, true],
    ['another file', table, { part: 'file', index: 100, message: '/db/000007.ldb' }, false],
    ['a block behind it', table, { part: 'file', index: 5_000, message: '/db/000005.ldb' }, false],
    ['the key', table, { part: 'key', message: '/key' }, false],
    ['the row', tile, { part: 'tile', level: 0, index: 1 }, true],
    ['another row', tile, { part: 'tile', level: 0, index: 2 }, false],
    ['another sort of row', tile, { part: 'bundle', index: 1 }, false],
  ])('fsck names %s: in its place or not', (_, mutation, found, isRight) => {
    const fsck = { part: '', index: 0, message: '', ...found };
    const place = found.message === undefined ? {} : { message: `/tmp/data/logs/main${found.message}` };
    const tally = new Tally();
    tally.count(mutation, { ...NO_TRIAL, fsck: { ...fsck, ...place } });
    expect(tally.lists.misplaced).toHaveLength(isRight ? 0 : 1);
  });

  test.each<[string, AnyMutation, Partial<Trial>, string | undefined]>([
    ['a refusal that fsck does not find', table, { refusal: 'no' }, 'missed'],
    ['an answer that fails', tile, { failed: 1 }, 'missed'],
    ['a retry that is there twice', tile, { repeated: 1 }, 'missed'],
    ['the same where its row is gone', { ...retry, kind: 'delete' }, { repeated: 1 }, undefined],
    ['the same where its row fails its check', retry, { repeated: 1 }, 'missed'],
    ['a wrong answer', tile, { wrong: ['a'] }, 'wrong'],
    ['an older head', tile, { older: ['checkpoint'] }, 'wrong'],
    ['a wrong head', tile, { badHeads: ['a'] }, 'badHeads'],
    ['an error that is none of ours', tile, { bugs: ['a'] }, 'bugs'],
    ['damage that is none', tile, { scrubbed: ['a'] }, 'accused'],
    ['nothing', tile, {}, undefined],
  ])('%s', (_, mutation, trial, list) => {
    const tally = new Tally();
    tally.count(mutation, { ...NO_TRIAL, ...trial });
    const found = violationsOf(tally.lists).map((text) => text.split(':')[0]);
    expect(list === undefined ? found : found.includes(list)).toEqual(list === undefined ? [] : true);
  });
});
