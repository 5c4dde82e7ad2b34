import { cp, mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { generateSigningKey } from '../../src/keys/generate.ts';
import { systemClock } from '../../src/runtime/clock.ts';
import { systemRandom } from '../../src/runtime/random.ts';
import { createLog } from '../../src/sequencer/create-log.ts';
import type { DataDirectory } from '../../src/sequencer/data-directory.ts';
import { LOGS_MAX, LogSet } from '../../src/sequencer/log-set.ts';
import { newDataDirectory } from '../support/test-log.ts';

const clock = systemClock;

/** A data directory with the logs `main` and `other`, each with an entry of its own. */
async function twoLogs(): Promise<DataDirectory> {
  const dir = await newDataDirectory();
  await createLog(
    { dir, clock, random: systemRandom },
    { name: 'other', kind: 'entries', origin: 'log.example/other' },
  );
  await using logs = await LogSet.open({ dir, clock });
  for (const name of logs.names()) await (await logs.get(name))?.append({ entries: [Buffer.from(name)] });
  return dir;
}

async function started(dir: DataDirectory): Promise<string> {
  try {
    await using logs = await LogSet.open({ dir, clock });
    for (const name of logs.names()) await logs.get(name);
    return logs.names().join(' ');
  } catch (error) {
    return (error as { code?: string }).code ?? String(error);
  }
}

const logFolder = (dir: DataDirectory, name: string): string => join(dir.dataPath, 'logs', name);

/** Everything of one log under the name of another. */
async function copyLog(dir: DataDirectory, from: string, to: string): Promise<void> {
  await cp(logFolder(dir, from), logFolder(dir, to), { recursive: true });
  await cp(join(dir.guardPath, from), join(dir.guardPath, to), { recursive: true });
}

async function editManifest(dir: DataDirectory, name: string, members: object): Promise<void> {
  const path = join(logFolder(dir, name), 'log.json');
  const manifest = JSON.parse(await readFile(path, 'utf8'));
  await writeFile(path, JSON.stringify({ ...manifest, ...members }));
}

describe('STORE-1, STORE-10 two logs in one data directory', () => {
  test('start', async () => expect(await started(await twoLogs())).toBe('main other'));

  test.each<[string, string, (dir: DataDirectory) => Promise<void>]>([
    ['a folder copied under another name', 'invalid_config', (dir) => copyLog(dir, 'main', 'copy')],
    [
      'one that is renamed as well, so that two would sign for one origin',
      'invalid_config',
      async (dir) => {
        await copyLog(dir, 'main', 'copy');
        await editManifest(dir, 'copy', { name: 'copy' });
      },
    ],
    [
      'two logs whose databases were swapped',
      'guard_conflict',
      async (dir) => {
        const [main, other] = [logFolder(dir, 'main'), logFolder(dir, 'other')];
        await rename(join(main, 'db'), join(main, 'kept'));
        await rename(join(other, 'db'), join(main, 'db'));
        await rename(join(main, 'kept'), join(other, 'db'));
      },
    ],
    [
      'two logs whose keys were swapped',
      'key_mismatch',
      async (dir) => {
        const [main, other] = [join(logFolder(dir, 'main'), 'key'), join(logFolder(dir, 'other'), 'key')];
        await rename(main, `${main}.kept`);
        await rename(other, main);
        await rename(`${main}.kept`, other);
      },
    ],
    [
      'the guard of another log',
      'guard_conflict',
      async (dir) => {
        await rm(join(dir.guardPath, 'main'), { recursive: true });
        await cp(join(dir.guardPath, 'other'), join(dir.guardPath, 'main'), { recursive: true });
      },
    ],
    ['an unknown member', 'invalid_config', (dir) => editManifest(dir, 'other', { public: true })],
    [
      'an unknown way of duplicates',
      'invalid_config',
      (dir) => editManifest(dir, 'other', { duplicates: 'On' }),
    ],
    ['a member that is missing', 'invalid_config', (dir) => editManifest(dir, 'other', { kind: undefined })],
    ['no object at all', 'no_data', (dir) => writeFile(join(logFolder(dir, 'other'), 'log.json'), 'null')],
    [
      'another schema',
      'schema_unsupported',
      (dir) => editManifest(dir, 'other', { schema: { toString: 1 } }),
    ],
  ])('%s: %s', async (_, code, damage) => {
    const dir = await twoLogs();
    await damage(dir);
    expect(await started(dir)).toBe(code);
  });
});

describe('STORE-1 how many logs one process serves', () => {
  /** Logs that are there by their manifests alone, until there are so many. */
  async function grownTo(count: number): Promise<DataDirectory> {
    const dir = await newDataDirectory();
    const manifest = JSON.parse(await readFile(join(logFolder(dir, 'main'), 'log.json'), 'utf8'));
    for (let i = 1; i < count; i += 1) {
      await mkdir(logFolder(dir, `log-${i}`));
      const origin = `log.example/${i}`;
      const { vkey } = generateSigningKey(systemRandom, origin);
      const another = { ...manifest, name: `log-${i}`, origin, vkey };
      await writeFile(join(logFolder(dir, `log-${i}`), 'log.json'), JSON.stringify(another));
    }
    return dir;
  }

  test('none is refused', async () => {
    const dir = await newDataDirectory();
    await rm(logFolder(dir, 'main'), { recursive: true });
    expect(await started(dir)).toBe('no_data');
  });

  test('as many as the limit are served, one more is refused', async () => {
    await using logs = await LogSet.open({ dir: await grownTo(LOGS_MAX), clock });
    expect([logs.names().length, logs.opened().length]).toEqual([LOGS_MAX, 1]);
    expect(await started(await grownTo(LOGS_MAX + 1))).toBe('invalid_config');
  });
});

describe('STORE-1 a log of a set is opened when it is first asked for', () => {
  test('once for all who ask meanwhile, attended until it closes; an unknown one is none', async () => {
    const told: string[] = [];
    const attend = ({ name }: { readonly name: string }): AsyncDisposable => {
      told.push(`attends ${name}`);
      return { [Symbol.asyncDispose]: async () => void told.push(`leaves ${name}`) };
    };
    const logs = await LogSet.open({ dir: await twoLogs(), clock }, { attend });
    expect(logs.opened().map(({ name }) => name)).toEqual(['main']);
    const [one, same] = await Promise.all([logs.get('other'), logs.get('other')]);
    expect(one).toBe(same);
    expect(logs.get('other')).toBe(one);
    expect(logs.get('none')).toBeUndefined();
    expect(told).toEqual(['attends main', 'attends other']);
    await logs.close();
    expect(told.slice(2).sort()).toEqual(['leaves main', 'leaves other']);
  });
});
