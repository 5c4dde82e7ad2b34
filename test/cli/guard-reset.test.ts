import { cp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { systemClock } from '../../src/runtime/clock.ts';
import type { DataDirectory } from '../../src/sequencer/data-directory.ts';
import { type OpenLog, openLog } from '../../src/sequencer/open-log.ts';
import { tempFolder } from '../support/temp-folder.ts';
import { newDataDirectory } from '../support/test-log.ts';
import { type Ran, run } from './run-cli.ts';

interface Grown {
  readonly dir: DataDirectory;
  /** Signed notes of sizes 0 to 3. */
  readonly notes: readonly string[];
}

const open = (dir: DataDirectory): Promise<OpenLog> => openLog({ dir, clock: systemClock }, 'main');

/** A stopped log of three entries. */
async function grown(word = 'entry'): Promise<Grown> {
  const dir = await newDataDirectory();
  return { dir, notes: await grow(dir, word) };
}

async function grow(dir: DataDirectory, word: string): Promise<string[]> {
  await using log = await open(dir);
  const notes = [log.head.note];
  for (const i of [0, 1, 2]) {
    const { head } = await log.append({ entries: [Buffer.from(`${word} ${i}`)] });
    notes.push(head.note);
  }
  return notes;
}

async function reset({ dataPath, guardPath }: DataDirectory, note: string): Promise<Ran> {
  const file = join(await tempFolder(), 'note');
  await writeFile(file, note);
  return run(['guard', 'reset', '--json', '--accept', file, '--data', dataPath, '--guard', guardPath]);
}

const codeOf = ({ exitCode, stderr }: Ran): unknown[] => {
  const last = stderr.trimEnd().split('\n').at(-1) ?? '';
  return [exitCode, JSON.parse(last).error.code];
};

/** Changes one bit in both slots of the one owner file. */
async function spoil({ guardPath }: DataDirectory): Promise<string> {
  const [owner = ''] = await readdir(join(guardPath, 'main'));
  const path = join(guardPath, 'main', owner);
  const bytes = await readFile(path);
  for (const at of [20, 4096 + 20]) bytes.writeUInt8(bytes.readUInt8(at) ^ 1, at);
  await writeFile(path, bytes);
  return owner;
}

describe('CLI-16 guard reset', () => {
  test('a lost guard is made anew from a note, which is shown; the log then starts and goes on', async () => {
    const { dir, notes } = await grown();
    await rm(dir.guardPath, { recursive: true });
    await expect(open(dir)).rejects.toMatchObject({ code: 'guard_missing' });
    const ran = await reset(dir, notes[2] ?? '');
    expect([ran.exitCode, JSON.parse(ran.stdout)]).toEqual([
      0,
      { guards: [{ log: 'main', size: 2, dataSize: 3, checkpoint: notes[2] }] },
    ]);
    expect(ran.stderr).toContain('size 2. The data holds 3 entries');
    await using log = await open(dir);
    expect(log.head.note).toBe(notes[3]);
  });

  test('what is left of an unreadable one is moved aside, and its owner is superseded', async () => {
    const { dir, notes } = await grown();
    const owner = await spoil(dir);
    await expect(open(dir)).rejects.toMatchObject({ code: 'guard_unreadable' });
    expect((await reset(dir, notes[3] ?? '')).exitCode).toBe(0);
    const [now, aside] = (await readdir(dir.guardPath)).sort();
    expect([now, aside]).toEqual(['main', expect.stringMatching(/^main\.replaced-[0-9]+$/)]);
    expect(await readdir(join(dir.guardPath, aside ?? ''))).toEqual([owner]);
    const [fresh = ''] = await readdir(join(dir.guardPath, 'main'));
    expect(Number(fresh.split('.')[1])).toBeGreaterThan(Number(owner.split('.')[1]));
    await (await open(dir)).close();
  });

  test('lines of others on the note are left out: the log would serve them as its own', async () => {
    const { dir, notes } = await grown();
    await rm(dir.guardPath, { recursive: true });
    const extra = `${notes[3]}\u2014 witness.example ${Buffer.alloc(76, 1).toString('base64')}\n`;
    const ran = await reset(dir, extra);
    expect(JSON.parse(ran.stdout).guards[0].checkpoint).toBe(notes[3]);
  });

  test('a guard that can be read is never replaced', async () => {
    const { dir, notes } = await grown();
    expect(codeOf(await reset(dir, notes[3] ?? ''))).toEqual([1, 'data_exists']);
  });

  test('a note above the data, with both sizes: the data is an old copy', async () => {
    const { dir } = await grown();
    const copy = { dataPath: `${dir.dataPath}.old`, guardPath: `${dir.dataPath}.old.guard` };
    await cp(dir.dataPath, copy.dataPath, { recursive: true });
    const newer = (await grow(dir, 'more')).at(-1) ?? '';
    const ran = await reset(copy, newer);
    expect(codeOf(ran)).toEqual([1, 'guard_ahead']);
    expect(JSON.parse(ran.stderr).error.details).toEqual({ dataSize: 3, guardSize: 6 });
    expect(await readdir(dir.dataPath)).not.toContain('old.guard');
  });

  test('a note of another history of the same log', async () => {
    const { dir } = await grown();
    const fork = { dataPath: `${dir.dataPath}.fork`, guardPath: `${dir.dataPath}.fork.guard` };
    await cp(dir.dataPath, fork.dataPath, { recursive: true });
    await cp(dir.guardPath, fork.guardPath, { recursive: true });
    await grow(dir, 'one way');
    const other = (await grow(fork, 'the other')).at(-1) ?? '';
    await rm(dir.guardPath, { recursive: true });
    expect(codeOf(await reset(dir, other))).toEqual([1, 'guard_conflict']);
  });

  test.each([
    ['no note', 'main\n', 'malformed_note'],
    [
      'a bit of the signature',
      (note: string) => note.replace(/.=\n$/, (end) => `${end[0] === 'A' ? 'E' : 'A'}=\n`),
      'bad_signature',
    ],
    ['another size', (note: string) => note.replace('\n3\n', '\n2\n'), 'bad_signature'],
  ])('%s', async (_, change, code) => {
    const { dir, notes } = await grown();
    await rm(dir.guardPath, { recursive: true });
    const note = typeof change === 'string' ? change : change(notes[3] ?? '');
    expect(codeOf(await reset(dir, note))).toEqual([1, code]);
    await expect(readdir(dir.guardPath)).rejects.toMatchObject({ code: 'ENOENT' });
  });

  test('a note of another log', async () => {
    const [{ dir }, other] = [await grown(), await grown('else')];
    await rm(dir.guardPath, { recursive: true });
    expect(codeOf(await reset(dir, other.notes[3] ?? ''))).toEqual([1, 'unverified_note']);
  });

  test('while the server runs, or without a note, nothing happens', async () => {
    const { dir, notes } = await grown();
    await using _ = await open(dir);
    await rm(dir.guardPath, { recursive: true });
    expect(codeOf(await reset(dir, notes[3] ?? ''))).toEqual([1, 'data_locked']);
    const args = ['guard', 'reset', '--data', dir.dataPath, '--guard', dir.guardPath];
    expect((await run(args)).exitCode).toBe(2);
    expect((await run([...args, '--accept', join(dir.dataPath, 'none')])).exitCode).toBe(2);
    await expect(readdir(dir.guardPath)).rejects.toMatchObject({ code: 'ENOENT' });
  });
});
