import { PassThrough } from 'node:stream';
import { describe, expect, onTestFinished, test } from 'vitest';
import { progressBar } from '../../src/cli/progress-bar.ts';
import { treeSize } from '../../src/core/units.ts';
import { startServer } from '../../src/http/server.ts';
import { generateSigningKey } from '../../src/keys/generate.ts';
import { systemRandom } from '../../src/runtime/random.ts';
import { newServer } from '../http/new-server.ts';
import { newDataDirectory } from '../support/test-log.ts';
import { run } from './run-cli.ts';

async function served() {
  const { app, log, post } = await newServer();
  const lines = Array.from({ length: 600 }, (_, i) => `entry ${i}\n`).join('');
  await post('entries', lines, { 'content-type': 'application/x-ndjson' });
  const server = await startServer(app, { hostname: '127.0.0.1', port: 0 });
  onTestFinished(() => server.close());
  return { url: `http://127.0.0.1:${server.port}/logs/main`, log, vkey: log.vkeys[0] ?? '' };
}

describe('CLI-34 fsck', () => {
  test('of a served log, by its address', async () => {
    const { url, log, vkey } = await served();
    const ran = await run(['fsck', url, '--vkey', vkey, '--json']);
    expect(ran.exitCode).toBe(0);
    // One more where a minute has ended between init and append.
    const { length: heads } = await log.keptHeads(treeSize(0), 10);
    expect(JSON.parse(ran.stdout)).toEqual({ log: url, entries: 600, tiles: 4, heads });
    const spoken = await run(['fsck', `${url}/`, '--vkey', vkey]);
    expect([spoken.stdout, spoken.stderr]).toEqual(['', expect.stringContaining('600 entries, 4 tiles')]);
  });

  test('with another key nothing is read', async () => {
    const { url } = await served();
    const { vkey } = generateSigningKey(systemRandom, 'log.example/main');
    const ran = await run(['fsck', url, '--vkey', vkey, '--json']);
    expect([ran.exitCode, JSON.parse(ran.stderr).error.code]).toEqual([1, 'unverified_note']);
  });

  test('of a data directory', async () => {
    const { dataPath, guardPath } = await newDataDirectory();
    const ran = await run(['fsck', '--data', dataPath, '--guard', guardPath, '--json']);
    expect(JSON.parse(ran.stdout)).toEqual({ log: 'main', entries: 0, tiles: 0, heads: 1 });
  });

  test.each([
    [['http://127.0.0.1:1/logs/main'], 'no key'],
    [['--vkey', 'x'], 'a key without an address'],
    [['ftp://127.0.0.1/logs/main', '--vkey', 'x'], 'no http'],
    [['main', '--vkey', 'x'], 'no address'],
  ])('%j is a wrong command line: %s', async (args) => {
    expect((await run(['fsck', ...args])).exitCode).toBe(2);
  });
});

describe('CLI-2 progress is for people', () => {
  const drawn = (interactive: boolean, steps: readonly [number, number][]): string => {
    const stderr = new PassThrough();
    const terminal = { stdin: new PassThrough(), stdout: new PassThrough(), stderr, interactive };
    {
      using bar = progressBar(terminal, 'entries');
      for (const [done, total] of steps) bar.show(done, total);
    }
    return (stderr.read() as Buffer | null)?.toString() ?? '';
  };

  test('a bar is drawn once for each percent, and wiped', () => {
    const text = drawn(true, [
      [0, 1_000],
      [1, 1_000],
      [500, 1_000],
      [505, 1_000],
      [1_000, 1_000],
    ]);
    expect(text.match(/\d+%/g)).toEqual(['0%', '50%', '100%']);
    expect(text).toContain(`entries [${'#'.repeat(15)}${'.'.repeat(15)}] 50%`);
    expect(text.endsWith('\r\u001b[K')).toBe(true);
  });

  test('where the whole is not known the number is drawn, and anew after data went to the same terminal', () => {
    const stderr = new PassThrough();
    const terminal = { stdin: new PassThrough(), stdout: new PassThrough(), stderr, interactive: true };
    const bar = progressBar(terminal, 'lines');
    bar.wipe();
    bar.count(1_000);
    bar.count(1_000);
    bar.wipe();
    bar.count(1_000);
    expect((stderr.read() as Buffer).toString()).toBe('\rlines 1000\r\u001b[K\rlines 1000');
  });

  test('nothing is drawn where nobody watches', () => {
    expect(drawn(false, [[1, 2]])).toBe('');
  });
});
