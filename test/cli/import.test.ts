import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { describe, expect, onTestFinished, test } from 'vitest';
import { DATA, REAL_DATA, REAL_DATA_ABSENT } from '../import/records.ts';
import { compiledCli, type Ended, type Serving } from '../support/cli-process.ts';
import { tempFolder } from '../support/temp-folder.ts';
import { made, run } from './run-cli.ts';

const cli = compiledCli();
const LINES = ['--year', '2023', '--timezone', 'UTC'];

interface Desk {
  readonly server: Serving;
  readonly env: Record<string, string>;
  readonly folder: string;
  /** Runs import in a folder of its own. */
  import(format: string, file: string, ...more: string[]): Promise<Ended>;
  /** Number of events in the log. */
  size(): Promise<number>;
  read(path: string): Promise<string>;
}

async function desk(): Promise<Desk> {
  const folder = await tempFolder();
  const data = join(folder, 'data');
  const { token } = await made(['init', '--data', data]);
  const server = await cli.serve(['--data', data]);
  onTestFinished(async () => {
    if (server.process.exitCode === null) await server.stop();
  });
  const env = { STELE_SERVER: server.url, STELE_TOKEN: token };
  const ask = (path: string): Promise<Response> =>
    fetch(`${server.url}/logs/audit/${path}`, { headers: { Authorization: `Bearer ${token}` } });
  return {
    ...{ server, env, folder },
    import: (format, file, ...more) =>
      cli.stele(['import', '--format', format, file, ...more], { cwd: folder, env }),
    size: async () => Number((await (await ask('checkpoint')).text()).split('\n')[1]),
    read: async (path) => (await ask(path)).text(),
  };
}

describe('CLI-50 stele import', () => {
  test('appends what is new, knows what was there, and says how much', async () => {
    const { import: imported, size, read } = await desk();
    const first = await imported('cloudtrail', join(DATA, 'cloudtrail.jsonl'));
    expect([first.code, first.stderr]).toEqual([
      0,
      expect.stringMatching(/: 10 new events, 0 known, 0 refused\.\n$/),
    ]);
    const again = await imported('cloudtrail', join(DATA, 'cloudtrail.jsonl'), '--json');
    expect([again.code, JSON.parse(again.text)]).toMatchObject([0, { new: 0, known: 10, refused: 0 }]);
    for (const format of ['sshd', 'syslog']) {
      const file = join(DATA, `${format}.log`);
      const counts = await Promise.all(
        [1, 2].map(async () => JSON.parse((await imported(format, file, ...LINES, '--json')).text)),
      );
      expect(counts.map((count) => count.new).sort((a, b) => a - b)[0]).toBe(0);
    }
    expect(await size()).toBe(10 + 30 + 9);
    expect(JSON.parse(await read('events/0')).event).toMatchObject({
      action: 'ec2.describeinstancetypes',
      raw: { format: 'cloudtrail/1' },
    });
  });

  test('what is refused goes into a file with the reason, and the rest into the log', async () => {
    const { import: imported, size, folder } = await desk();
    const good = (await readFile(join(DATA, 'cloudtrail.jsonl'), 'utf8')).trimEnd().split('\n');
    const other = good[1]?.replace('pedro', 'eve') ?? '';
    const lines = [good[0], 'nonsense', good[1], '', other, good[2]];
    await writeFile(
      join(folder, 'in.jsonl'),
      Buffer.concat([Buffer.from(`${lines.join('\n')}\n`), Buffer.of(0xff, 0x0a)]),
    );
    let before = '';
    for (const counts of ['3 new events, 0 known', '0 new events, 3 known']) {
      const ran = await imported('cloudtrail', 'in.jsonl');
      expect([ran.code, ran.stderr]).toEqual([
        1,
        `in.jsonl: ${counts}, 4 refused.\nrefused.jsonl has what was refused, and why.\n`,
      ]);
      const text = await readFile(join(folder, 'refused.jsonl'), 'utf8');
      // What an earlier run refused is never lost.
      expect(text.startsWith(before)).toBe(true);
      const refused = text
        .slice(before.length)
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line));
      expect(refused.sort((a, b) => a.line - b.line)).toEqual([
        {
          file: 'in.jsonl',
          line: 2,
          code: 'unmappable_record',
          reason: expect.stringContaining('is not JSON'),
          record: 'nonsense',
        },
        { file: 'in.jsonl', line: 4, code: 'unmappable_record', reason: 'is an empty line', record: '' },
        { file: 'in.jsonl', line: 5, code: 'id_conflict', reason: expect.any(String), record: other },
        {
          file: 'in.jsonl',
          line: 7,
          code: 'unmappable_record',
          reason: 'is not UTF-8',
          recordBase64: '/w==',
        },
      ]);
      before = `${text}{"the end of a process":"cut this short`;
      await writeFile(join(folder, 'refused.jsonl'), before);
    }
    expect((await stat(join(folder, 'refused.jsonl'))).mode & 0o777).toBe(0o600);
    expect(await size()).toBe(3);
  });

  test.each<[string, string[], string]>([
    ['sshd', [], 'line 1 has a time without its year: give --year'],
    ['sshd', ['--year', '2023'], 'line 1 has a time without its zone: Dec 10 06:55:46: give --timezone'],
    ['sshd', ['--year', '23'], 'not a year of four digits: 23'],
    ['sshd', ['--timezone', 'Mars'], 'not a timezone, such as UTC, +02:00 or Europe/Berlin: Mars'],
    ['csv', [], '--format csv needs --map'],
    ['json', ['--map', 'none.json'], 'cannot read the map none.json'],
    ['tea', [], 'Allowed choices are cloudtrail'],
  ])('a wrong command line: --format %s %j', async (format, more, said) => {
    const env = { STELE_TOKEN: 'stele_t' };
    const ran = await run(['import', '--format', format, join(DATA, 'sshd.log'), ...more], { env });
    expect(ran.exitCode).toBe(2);
    expect(ran.stderr.replaceAll(/(2023-12-10T)/g, 'Dec 10 ')).toContain(said);
  });

  test('a log of entries takes no events', async () => {
    const { import: imported } = await desk();
    const ran = await imported('cloudtrail', join(DATA, 'cloudtrail.jsonl'), '--log', 'main');
    expect([ran.code, ran.stderr]).toEqual([1, expect.stringContaining('wrong_log_kind')]);
  });

  test('a server that cannot be reached', async () => {
    const env = { STELE_SERVER: 'http://127.0.0.1:1', STELE_TOKEN: 'stele_t' };
    const ran = await run(['import', '--format', 'cloudtrail', join(DATA, 'cloudtrail.jsonl')], { env });
    expect(ran.exitCode).toBe(3);
  });
});

describe.skipIf(REAL_DATA_ABSENT !== undefined)('CLI-51 whole logs of real systems', () => {
  test.each([
    ['cloudtrail.jsonl', 'cloudtrail', 103, []],
    ['windows-security.jsonl.gz', 'windows-event', 1_268, []],
    ['sshd.log', 'sshd', 2_000, LINES],
    ['s3-access.csv', 'csv', 301, ['--map', 's3-access']],
  ] as const)('%s, killed and run again', { timeout: 240_000 }, async (name, format, count, more) => {
    const { import: imported, size, server, env, folder, read } = await desk();
    const path = join(REAL_DATA, name);
    const file = name.endsWith('.gz') ? join(folder, 'unpacked.jsonl') : path;
    if (file !== path) await thirtySecond(path, file);
    const child = spawn(process.execPath, [cli.main, 'import', '--format', format, file, ...more], {
      env: { PATH: process.env['PATH'] ?? '', ...env },
      cwd: folder,
      stdio: 'ignore',
    });
    const closed = once(child, 'close');
    await expect.poll(size, { timeout: 60_000, interval: 5 }).toBeGreaterThan(0);
    child.kill('SIGKILL');
    await closed;

    const ran = await imported(format, file, ...more, '--json');
    const counts = JSON.parse(ran.text);
    expect([ran.code, counts.new + counts.known, counts.refused]).toEqual([0, count, 0]);
    expect(await size()).toBe(count);

    const vkey = server.logs.find((log) => log.vkey.includes('/audit+'))?.vkey ?? '';
    for (const withhold of ['', 'actor,source']) {
      await writeFile(
        join(folder, 'event.json'),
        await read(`events/${Math.floor(count / 2)}?withhold=${withhold}`),
      );
      const verified = await cli.stele(['verify', 'event.json', '--vkey', vkey], { cwd: folder });
      expect([verified.code, verified.text]).toEqual([0, expect.stringContaining('payload    verified')]);
      expect(verified.text).toContain(withhold === '' ? `"outcome"` : 'withheld   actor, source, raw');
    }
  });
});

/** Every thirty-second line, in more than one batch, so that it takes seconds: test/import maps all of them. */
async function thirtySecond(from: string, to: string): Promise<void> {
  const lines = gunzipSync(await readFile(from))
    .toString('latin1')
    .split('\n');
  await writeFile(to, lines.filter((_, at) => at % 32 === 0).join('\n'), 'latin1');
}
