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

    // Together more than a request may have, and the largest record.
    const large = [3.5, 5].map((mib, i) => {
      const content = Buffer.alloc(mib * 1024 * 1024, `${i}`).toString('base64');
      return JSON.stringify({ ...small, raw: { format: 'x', media_type: 'text/plain', content } });
    });
    await writeFile(lines, large.join('\n'));
    for (let run = 0; run < 2; run += 1)
      expect((await cli.stele(['append', '--lines', lines, ...flags])).text).toBe('1501\t1\n1502\t2\n');

    await writeFile(lines, `${many[0]}\n{"action":"x"}\n`);
    const refused = await cli.stele(['append', '--lines', lines, ...flags]);
    expect([refused.code, refused.stderr]).toEqual([1, expect.stringContaining('line 2')]);
    const disclosure = ['get', 'a', '--withhold', 'actor', '--out', file, ...flags];
    for (const trust of [[], ['--vkey', vkey]]) {
      expect((await cli.stele([...disclosure, ...trust])).code).toBe(0);
      expect((await cli.stele(['verify', file, '--vkey', vkey])).text).toContain('actor, raw');
    }
    const event = JSON.stringify({
      ...{ action: small.action, actor: { id: 'u-17', type: 'user' }, id: 'a', outcome: 'success' },
      ...{ schema: 'audit-event/1', time: small.time },
    });
    for (const args of [['a'], ['0'], ['0', '--vkey', vkey]])
      expect((await cli.stele(['get', ...args, ...flags])).text).toBe(`${event}\n`);
    const json = JSON.parse((await cli.stele(['get', 'a', '--json', ...flags])).text);
    expect(json).toMatchObject({ index: 0, event: { id: 'a' }, receipt: { index: 0 } });
    const whole = await cli.stele(['get', 'a', '--withhold', '', ...flags]);
    await writeFile(file, whole.text);
    expect((await cli.stele(['verify', file, '--vkey', vkey, '--json'])).text).toContain('"withheld":[]');
    const leaf = await cli.stele(['get', '0', '--leaf', '--out', file, ...flags]);
    expect([leaf.code, (await cli.stele(['verify', receipt, '--entry', file, '--vkey', vkey])).code]).toEqual(
      [0, 0],
    );
    // As Kubernetes and Windows name theirs.
    const named = 'windows:H.example:A~20B:7@x';
    await writeFile(file, JSON.stringify({ ...small, id: named, tenant: 'a b' }));
    await cli.stele(['append', file, ...flags]);
    const ofTenant = ['get', named, '--tenant', 'a b', '--vkey', vkey, ...flags];
    expect(JSON.parse((await cli.stele(ofTenant)).text)).toMatchObject({ id: named, tenant: 'a b' });
    for (const [args, code, talk] of [
      [['../main'], 2, 'can be no id'],
      [['a', '--tenant', 't'], 1, 'unknown_event'],
      [['a', '--leaf'], 2, '--leaf'],
      [['a', '--log', 'main'], 2, 'only logs of events'],
      [['a', '--withhold', 'actors'], 1, 'withhold is a list'],
    ] as const) {
      const refusal = await cli.stele(['get', ...flags, ...args]);
      expect([refusal.code, refusal.stderr]).toEqual([code, expect.stringContaining(talk)]);
    }
    expect(await server.stop()).toBe(0);
    expect((await cli.stele(['fsck', '--log', 'audit', '--data', data])).code).toBe(0);
  }, 60_000);
});
