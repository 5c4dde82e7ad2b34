import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type CompiledPrograms, compilePrograms } from '../crash/programs.ts';
import { SeededRandom } from '../support/seeded-random.ts';
import { tempFolder } from '../support/temp-folder.ts';
import { CLASSES, filesBelow, Mutator, mutatedCopy } from './mutation.ts';
import { makeReference, toJson, withAnswers } from './reference.ts';
import { sweep, violationsOf } from './sweep.ts';
import { TryWorker } from './try-worker.ts';

const SEED = Date.now() % 2 ** 32;
const MUTATIONS = 100;
let programs: CompiledPrograms;

beforeAll(async () => {
  console.info(`corruption seed ${SEED}`);
  programs = await compilePrograms();
});
afterAll(() => programs?.[Symbol.asyncDispose]());

describe('STORE-2, STORE-11, FSCK-5 files that are damaged', () => {
  test('give no wrong answer and no wrong head, and fsck finds whatever has an effect', async () => {
    const result = await sweep({
      program: programs.corruptionWorker,
      ...{ mutations: MUTATIONS, entries: 700, seed: SEED },
    });
    const { byClass } = result;
    expect(violationsOf(result)).toEqual([]);
    expect(Object.keys(byClass).sort()).toEqual(CLASSES.map(([name]) => name).sort());
    expect(Object.values(byClass).reduce((sum, one) => sum + one.mutations, 0)).toBe(MUTATIONS);
  });

  test('come from the seed alone: it makes the same log, byte by byte', async () => {
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
    const reference = await withAnswers(await makeReference(join(folder, 'reference'), 300, random));
    const mutator = new Mutator(reference.folder, reference.older, random);
    const cut = await mutator.make('guard', 'flip');
    if (cut === undefined) throw new Error('no mutation');
    const outcomes = [];
    for (const answers of [reference.answers, new Map([...reference.answers, ['checkpoint', 'ff']])]) {
      const file = join(folder, 'reference.json');
      await writeFile(file, toJson({ ...reference, answers }));
      using worker = new TryWorker(programs.corruptionWorker, file);
      const copy = join(folder, 'copy');
      // A bit of the slot that is not the newest, or of its padding: the start finds the other one.
      await mutatedCopy(reference.folder, copy, cut);
      outcomes.push(await worker.try(copy));
    }
    const harmless = { failed: 0, badHeads: [], repeated: 0, bugs: [] };
    expect(outcomes).toEqual([
      { wrong: [], ...harmless },
      { wrong: ['checkpoint'], ...harmless },
    ]);
  });
});
