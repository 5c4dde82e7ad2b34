import { mkdir, mkdtemp, readdir, readFile, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { inspectLog } from '../../src/sequencer/inspect-log.ts';
import { run } from './run-cli.ts';

let root: string;
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'stele-init-'));
});
afterEach(() => rm(root, { recursive: true }));
const data = (): string[] => ['--data', join(root, 'd'), '--json'];

describe('CLI-13 init', () => {
  test('makes main and audit with their guards and a token for everything, once', async () => {
    const made = JSON.parse((await run(['init', ...data(), '--origin', 'example.org/log'])).stdout);
    const logOf = (name: string, kind: string): object => {
      const vkey = expect.stringMatching(new RegExp(`^example\\.org/log/${name}\\+[0-9a-f]{8}\\+`));
      return { name, kind, origin: `example.org/log/${name}`, vkey };
    };
    expect(made.logs).toEqual([logOf('main', 'entries'), logOf('audit', 'events')]);
    expect(made.token).toMatch(/^stele_/);
    const { guards } = JSON.parse((await run(['guard', 'show', ...data()])).stdout);
    expect(guards).toMatchObject([
      { log: 'main', size: 0 },
      { log: 'audit', size: 0 },
    ]);
    const again = await run(['init', ...data()]);
    expect([again.exitCode, JSON.parse(again.stderr).error.code]).toEqual([1, 'data_exists']);
    await rm(join(root, 'd'), { recursive: true });
    expect((await run(['init', ...data()])).exitCode).toBe(1);
  });

  test.each([
    [[], { reads: 'public', duplicates: 'key', leafHashIndex: true }],
    [['--reads', 'token'], { reads: 'token' }],
    [['--duplicates', 'content'], { duplicates: 'content', leafHashIndex: true }],
    [['--duplicates', 'off', '--no-leaf-hash-index'], { duplicates: 'off', leafHashIndex: false }],
  ])('%j: the log is %j', async (flags, facts) => {
    expect((await run(['init', ...data(), ...flags])).exitCode).toBe(0);
    const manifest = JSON.parse(await readFile(join(root, 'd', 'logs', 'main', 'log.json'), 'utf8'));
    expect(manifest).toMatchObject(facts);
  });

  test.each([
    [['--reads', 'private']],
    [['--duplicates', 'never']],
    [['--public-label', 'actor']],
    [['--public-label', 'kind', '--public-label', 'kind']],
    [['--duplicates', 'content', '--no-leaf-hash-index']],
  ])('refuses %j', async (flags) => {
    expect((await run(['init', ...data(), ...flags])).exitCode).toBe(2);
    await expect(stat(join(root, 'd'))).rejects.toMatchObject({ code: 'ENOENT' });
  });

  test.each([
    ['main', { reads: 'token', duplicates: 'off', leafHashIndex: false }],
    ['audit', { reads: 'token', duplicates: 'key', leafHashIndex: false }],
  ])('repeats of events are told by their ids: %s is %j', async (name, facts) => {
    await run(['init', ...data(), '--reads', 'token', '--duplicates', 'off', '--no-leaf-hash-index']);
    expect(JSON.parse(await readFile(join(root, 'd', 'logs', name, 'log.json'), 'utf8'))).toMatchObject(
      facts,
    );
  });

  test.each([['a b'], ['a+b'], [''], ['x'.repeat(250)]])('refuses the origin %j', async (origin) => {
    expect((await run(['init', ...data(), '--origin', origin])).exitCode).toBe(2);
    await expect(stat(join(root, 'd'))).rejects.toMatchObject({ code: 'ENOENT' });
  });
});

describe('CLI-17 logs create', () => {
  const create = (...args: string[]) => run(['logs', 'create', ...args, ...data()]);

  test.each([
    [['more', '--kind', 'events'], { kind: 'events', origin: 'example.org/more' }],
    [
      ['more', '--kind', 'entries', '--origin', 'other.example/x'],
      { kind: 'entries', origin: 'other.example/x' },
    ],
  ])('%j makes %j with its guard', async (args, facts) => {
    await run(['init', ...data(), '--origin', 'example.org']);
    const made = await create(...args);
    const vkey = expect.stringMatching(new RegExp(`^${facts.origin}\\+`));
    expect([made.exitCode, JSON.parse(made.stdout)]).toEqual([0, { name: 'more', ...facts, vkey }]);
    const { guards } = JSON.parse((await run(['guard', 'show', ...data()])).stdout);
    expect(guards.map(({ log }: { log: string }) => log)).toEqual(['main', 'audit', 'more']);
  });

  test.each([
    [[], undefined],
    [
      ['service.name', 'kind'],
      ['kind', 'service.name'],
    ],
  ])('public labels %j of events, as init takes them too, are %j for ever', async (labels, publicLabels) => {
    const flags = labels.flatMap((label) => ['--public-label', label]);
    await run(['init', ...data(), '--origin', 'example.org', ...flags]);
    expect((await create('more', '--kind', 'events', ...flags)).exitCode).toBe(0);
    for (const [name, kept] of [
      ['main', undefined],
      ['audit', publicLabels],
      ['more', publicLabels],
    ] as const) {
      const manifest = JSON.parse(await readFile(join(root, 'd', 'logs', name, 'log.json'), 'utf8'));
      expect([name, manifest.publicLabels]).toEqual([name, kept]);
    }
  });

  test.each([
    [['audit', '--kind', 'events', '--origin', 'x.example/a'], 1, 'data_exists'],
    [['more', '--kind', 'events', '--origin', 'example.org/audit'], 2, 'already'],
    [['more'], 2, '--kind'],
    [['more', '--kind', 'entries', '--public-label', 'kind'], 2, 'entries have no members'],
    [['more', '--kind', 'events', '--public-label', 'kind,outcome'], 2, 'service.name'],
    [['more', '--kind', 'other'], 2, 'entries, events'],
    [['More', '--kind', 'events'], 2, 'a-z'],
    [['..', '--kind', 'events'], 2, 'a-z'],
  ])('refuses %j', async (args, exitCode, why) => {
    await run(['init', ...data(), '--origin', 'example.org']);
    const refused = await create(...args);
    expect([refused.exitCode, refused.stderr]).toEqual([exitCode, expect.stringContaining(why)]);
    expect(await readdir(join(root, 'd', 'logs'))).toEqual(['audit', 'main']);
  });

  test('goes over what a creation that was cut short has left, and says so', async () => {
    await run(['init', ...data(), '--origin', 'example.org']);
    for (const folder of ['d', 'd.guard'])
      await mkdir(join(root, folder, folder === 'd' ? 'logs' : '', 'more.new'));
    const made = await create('more', '--kind', 'events');
    expect([made.exitCode, made.stderr]).toEqual([
      0,
      expect.stringContaining('creation of more was cut short'),
    ]);
    expect(await readdir(join(root, 'd', 'logs'))).toEqual(['audit', 'main', 'more']);
    expect(await readdir(join(root, 'd.guard'))).toEqual(['audit', 'main', 'more']);
  });

  /** Until a log is begun. */
  const begun = async (name: string): Promise<void> => {
    for (;;) {
      const names = await readdir(join(root, 'd', 'logs'));
      if (names.some((one) => one.startsWith(name))) return;
    }
  };

  test.each([
    ['one after the other', begun],
    ['in the same moment', async () => undefined],
  ])('of two at once, %s, one makes the log, and the other undoes no part of it', async (_, until) => {
    await run(['init', ...data(), '--origin', 'example.org']);
    const names = ['more1', 'more2', 'more3', 'more4'];
    for (const name of names) {
      const one = create(name, '--kind', 'events');
      await until(name);
      const both = [one, create(name, '--kind', 'events')];
      const ends = (await Promise.all(both)).map(({ exitCode, stderr }) =>
        exitCode === 0 ? 'made' : JSON.parse(stderr).error.code,
      );
      expect(ends.sort()).toEqual(['data_locked', 'made']);
      expect((await run(['fsck', '--log', name, ...data()])).exitCode).toBe(0);
    }
    expect(await readdir(join(root, 'd', 'logs'))).toEqual(['audit', 'main', ...names]);
  });

  test('takes nothing away where no log tells what was cut short from what is being made', async () => {
    await run(['init', ...data()]);
    const logs = join(root, 'd', 'logs');
    for (const name of ['main', 'audit']) await rm(join(logs, name), { recursive: true });
    await mkdir(join(logs, 'more.new'));
    const refused = await create('more', '--kind', 'events', '--origin', 'example.org/more');
    expect([refused.exitCode, JSON.parse(refused.stderr).error.code]).toEqual([1, 'data_exists']);
    expect(await readdir(logs)).toEqual(['more.new']);
  });

  test('refuses while the database of main is in use', async () => {
    await run(['init', ...data()]);
    await using _ = await inspectLog({ dataPath: join(root, 'd'), guardPath: join(root, 'd.guard') }, 'main');
    const refused = await create('more', '--kind', 'events');
    expect([refused.exitCode, JSON.parse(refused.stderr).error.code]).toEqual([1, 'data_locked']);
  });
});

describe('CLI-14 keygen', () => {
  test('the secret goes into a file for its owner, never to stdout or over another file', async () => {
    const out = join(root, 'k');
    const made = await run(['keygen', 'example.org/w', '--out', out, '--json']);
    expect(JSON.parse(made.stdout).vkey).toMatch(/^example\.org\/w\+[0-9a-f]{8}\+/);
    expect(made.stdout).not.toContain('PRIVATE');
    expect((await stat(out)).mode & 0o777).toBe(0o600);
    const before = await readFile(out, 'utf8');
    expect((await run(['keygen', 'example.org/w', '--out', out])).exitCode).not.toBe(0);
    expect(await readFile(out, 'utf8')).toBe(before);
  });
});

describe('CLI-15 export-tiles', () => {
  test('writes the checkpoint of a fresh log', async () => {
    await run(['init', ...data()]);
    const ran = await run(['export-tiles', join(root, 'tiles'), ...data()]);
    expect(JSON.parse(ran.stdout)).toMatchObject({ treeSize: 0 });
    expect(await readFile(join(root, 'tiles', 'checkpoint'), 'utf8')).toBe(JSON.parse(ran.stdout).checkpoint);
  });
});
