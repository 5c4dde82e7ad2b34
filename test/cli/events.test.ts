import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { compiledCli } from '../support/cli-process.ts';
import { tempFolder } from '../support/temp-folder.ts';

const cli = compiledCli();
const small = {
  time: '2026-11-18T11:06:40Z',
  action: 'user.login',
  outcome: 'success',
  actor: { type: 'user', id: 'u-17' },
};

describe('CLI-31 append to a log of events', () => {
  test('sends a file as an event and lines as NDJSON, once, and verifies', async () => {
    const root = await tempFolder();
    const data = join(root, 'data');
    const made = JSON.parse((await cli.stele(['init', '--json', '--data', data])).text);
    const { vkey } = made.logs[1];
    const server = await cli.serve(['--data', data]);
    const [file, lines, receipt] = ['event.json', 'lines.ndjson', 'receipt.json'].map((name) =>
      join(root, name),
    ) as [string, string, string];
    const flags = ['--server', server.url, '--token', made.token, '--log', 'audit'];
    await writeFile(file, JSON.stringify({ ...small, id: 'a' }, null, 2));
    const one = await cli.stele(['append', file, '--receipt', receipt, ...flags]);
    expect([one.code, one.text]).toEqual([0, `0\t${file}\n`]);
    expect((await cli.stele(['append', file, '--vkey', vkey, ...flags])).text).toBe(`0\t${file}\n`);
    expect((await cli.stele(['verify', receipt, '--vkey', vkey])).code).toBe(0);
    expect(JSON.parse(await readFile(receipt, 'utf8')).id).toBe('a');

    const many = Array.from({ length: 1_500 }, (_, i) => JSON.stringify({ ...small, data: { i } }));
    await writeFile(lines, many.join('\n'));
    const first = await cli.stele(['append', '--lines', lines, ...flags]);
    expect([first.code, first.text.split('\n').length]).toEqual([0, 1_501]);
    const again = await cli.stele(['append', '--lines', lines, '--vkey', vkey, ...flags]);
    expect([again.code, again.text]).toEqual([0, first.text]);

    await writeFile(lines, `${many[0]}\n{"action":"x"}\n`);
    const refused = await cli.stele(['append', '--lines', lines, ...flags]);
    expect([refused.code, refused.stderr]).toEqual([1, expect.stringContaining('line 2')]);
    const disclosure = await fetch(`${server.url}/logs/audit/events/a?withhold=actor`, {
      headers: { authorization: `Bearer ${made.token}` },
    });
    await writeFile(file, await disclosure.text());
    expect((await cli.stele(['verify', file, '--vkey', vkey])).text).toContain('actor, raw');
    expect(await server.stop()).toBe(0);
    expect((await cli.stele(['fsck', '--log', 'audit', '--data', data])).code).toBe(0);
  }, 60_000);
});
