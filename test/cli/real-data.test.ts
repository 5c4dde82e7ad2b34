import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { gunzipSync } from 'node:zlib';
import { describe, expect, onTestFinished, test } from 'vitest';
import { compiledCli, type Serving } from '../support/cli-process.ts';
import { toolMissing } from '../support/outside-tool.ts';
import { tempFolder } from '../support/temp-folder.ts';
import { made } from './run-cli.ts';

/*
 * Logs of real systems go through the command line and come back byte for byte. They lie beside the project where they
 * lie at all; see their README there. Where they do not, this is skipped.
 */

const run = promisify(execFile);
const cli = compiledCli();
const SHARED = join(import.meta.dirname, '..', '..', '..', 'shared');
const DATA = join(SHARED, 'data');
const LOGS = /\.(?:log|jsonl|csv)(?:\.gz)?$/;
const PAGE = 1_000;
const files = existsSync(DATA) ? (await readdir(DATA)).filter((name) => LOGS.test(name)) : [];
// CI has them where it has the folder: there, that none are found is a failure.
const expected = process.env['CI'] === 'true' && existsSync(SHARED);
const absent = files.length === 0 && !expected ? 'there are no real logs in ../shared/data' : undefined;
const missing = absent ?? toolMissing('gzip');
if (missing !== undefined) console.warn(`skipped: ${missing}`);

/** The bytes before each LF, and what follows the last one: not by the code under test. */
function linesOf(text: Buffer): Buffer[] {
  const lines: Buffer[] = [];
  let start = 0;
  for (let end = text.indexOf(10); end >= 0; end = text.indexOf(10, start)) {
    lines.push(text.subarray(start, end));
    start = end + 1;
  }
  return start < text.length ? [...lines, text.subarray(start)] : lines;
}

/** Appends every line through a shell, as somebody at a terminal does; gives the index of each. */
async function appendLines(file: string, env: Record<string, string>): Promise<number[]> {
  const read = file.endsWith('.gz') ? 'gzip -dc "$1"' : 'cat "$1"';
  const script = `${read} | "$2" "$3" append --lines -`;
  const { stdout } = await run('sh', ['-c', script, 'sh', file, process.execPath, cli.main], {
    env: { PATH: process.env['PATH'] ?? '', ...env },
    maxBuffer: 1e8,
  });
  return stdout
    .trimEnd()
    .split('\n')
    .map((line) => Number(line.split('\t')[0]));
}

async function served(): Promise<{ server: Serving; vkey: string; env: Record<string, string> }> {
  const data = join(await tempFolder(), 'data');
  const { token } = await made(['init', '--data', data]);
  const server = await cli.serve(['--data', data]);
  onTestFinished(async () => {
    if (server.process.exitCode === null) await server.stop();
  });
  const [log] = server.logs;
  return { server, vkey: log?.vkey ?? '', env: { STELE_SERVER: server.url, STELE_TOKEN: token } };
}

/** Every entry of the log, by pages. */
async function* entriesOf(url: string, size: number): AsyncGenerator<Buffer> {
  for (let start = 0; start < size; start += PAGE) {
    const end = Math.min(start + PAGE, size);
    const page = await fetch(`${url}/logs/main/entries?start=${start}&end=${end}`);
    for (const line of (await page.text()).trimEnd().split('\n'))
      yield Buffer.from(JSON.parse(line).entry, 'base64');
  }
}

/** Lines that somebody who decodes, trims or parses them on the way would spoil, and both ends. */
function delicate(lines: readonly Buffer[]): number[] {
  const texts = lines.map((line) => line.toString('latin1'));
  const found = [/\r/, /[0-9]{17}/, /[\x80-\xff]/, /^$/].map((form) =>
    texts.findIndex((text) => form.test(text)),
  );
  return [...new Set([0, lines.length - 1, ...found])].filter((at) => at >= 0);
}

describe.skipIf(missing !== undefined)('CLI-20 real logs come back byte for byte', () => {
  test('there are some', () => {
    expect(files.length).toBeGreaterThan(3);
  });

  test.each(files)('%s', { timeout: 120_000 }, async (name) => {
    const file = join(DATA, name);
    const bytes = await readFile(file);
    const lines = linesOf(name.endsWith('.gz') ? gunzipSync(bytes) : bytes);
    const { server, vkey, env } = await served();
    expect(await appendLines(file, env)).toEqual(lines.map((_, at) => at));

    let at = 0;
    for await (const entry of entriesOf(server.url, lines.length)) {
      if (!entry.equals(lines[at] ?? Buffer.of())) expect([at, entry]).toEqual([at, lines[at]]);
      at += 1;
    }
    expect(at).toBe(lines.length);
    for (const index of delicate(lines)) {
      const got = await cli.stele(['get', `${index}`], { env });
      expect(got.stdout.equals(lines[index] ?? Buffer.of())).toBe(true);
    }

    const middle = `${Math.floor(lines.length / 2)}`;
    const [entry, proof] = [join(await tempFolder(), 'entry'), join(await tempFolder(), 'proof')];
    expect((await cli.stele(['get', middle, '--out', entry], { env })).code).toBe(0);
    expect((await cli.stele(['prove', middle, '--out', proof], { env })).code).toBe(0);
    await server.stop();
    const verified = await cli.stele(['verify', proof, '--vkey', vkey, '--entry', entry]);
    expect([verified.code, verified.text]).toEqual([
      0,
      expect.stringContaining(`entry ${middle} of ${lines.length}\n`),
    ]);
  });
});
