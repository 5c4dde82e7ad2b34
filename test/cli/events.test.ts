import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { compiledCli } from '../support/cli-process.ts';
import { tempFolder } from '../support/temp-folder.ts';
import { made, run } from './run-cli.ts';

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
    const { token, logs } = await made(['init', '--data', data]);
    const vkey = logs[1]?.vkey ?? '';
    const server = await cli.serve(['--data', data]);
    const [file, lines, receipt] = ['event.json', 'lines.ndjson', 'receipt.json'].map((name) =>
      join(root, name),
    ) as [string, string, string];
    const flags = ['--server', server.url, '--token', token, '--log', 'audit'];
    await writeFile(file, JSON.stringify({ ...small, id: 'a' }, null, 2));
    const one = await run(['append', file, '--receipt', receipt, ...flags]);
    expect([one.exitCode, one.stdout]).toEqual([0, `0\t${file}\n`]);
    expect((await run(['append', file, '--vkey', vkey, ...flags])).stdout).toBe(`0\t${file}\n`);
    expect((await run(['verify', receipt, '--vkey', vkey])).exitCode).toBe(0);
    expect(JSON.parse(await readFile(receipt, 'utf8')).id).toBe('a');

    const many = Array.from({ length: 1_500 }, (_, i) => JSON.stringify({ ...small, data: { i } }));
    await writeFile(lines, many.join('\n'));
    const first = await run(['append', '--lines', lines, ...flags]);
    expect([first.exitCode, first.stdout.split('\n').length]).toEqual([0, 1_501]);
    const again = await run(['append', '--lines', lines, '--vkey', vkey, ...flags]);
    expect([again.exitCode, again.stdout]).toEqual([0, first.stdout]);

    // Together more than a request may have, and the largest record.
    const large = [3.5, 5].map((mib, i) => {
      const content = Buffer.alloc(mib * 1024 * 1024, `${i}`).toString('base64');
      return JSON.stringify({ ...small, raw: { format: 'x', media_type: 'text/plain', content } });
    });
    await writeFile(lines, large.join('\n'));
    for (const _ of [1, 2])
      expect((await run(['append', '--lines', lines, ...flags])).stdout).toBe('1501\t1\n1502\t2\n');

    await writeFile(lines, `${many[0]}\n{"action":"x"}\n`);
    const refused = await run(['append', '--lines', lines, ...flags]);
    expect([refused.exitCode, refused.stderr]).toEqual([1, expect.stringContaining('line 2')]);
    const disclosure = ['get', 'a', '--withhold', 'actor', '--out', file, ...flags];
    for (const trust of [[], ['--vkey', vkey]]) {
      expect((await run([...disclosure, ...trust])).exitCode).toBe(0);
      expect((await run(['verify', file, '--vkey', vkey])).stdout).toContain('actor, raw');
    }
    const event = JSON.stringify({
      ...{ action: small.action, actor: { id: 'u-17', type: 'user' }, id: 'a', outcome: 'success' },
      ...{ schema: 'audit-event/1', time: small.time },
    });
    for (const args of [['a'], ['0'], ['0', '--vkey', vkey]])
      expect((await run(['get', ...args, ...flags])).stdout).toBe(`${event}\n`);
    const json = JSON.parse((await run(['get', 'a', '--json', ...flags])).stdout);
    expect(json).toMatchObject({ index: 0, event: { id: 'a' }, receipt: { index: 0 } });
    const whole = await run(['get', 'a', '--withhold', '', ...flags]);
    await writeFile(file, whole.stdout);
    expect((await run(['verify', file, '--vkey', vkey, '--json'])).stdout).toContain('"withheld":[]');
    const leaf = await run(['get', '0', '--leaf', '--out', file, ...flags]);
    expect([
      leaf.exitCode,
      (await run(['verify', receipt, '--entry', file, '--vkey', vkey])).exitCode,
    ]).toEqual([0, 0]);
    // As Kubernetes and Windows name theirs.
    const named = 'windows:H.example:A~20B:7@x';
    await writeFile(file, JSON.stringify({ ...small, id: named, tenant: 'a b' }));
    await run(['append', file, ...flags]);
    const ofTenant = ['get', named, '--tenant', 'a b', '--vkey', vkey, ...flags];
    expect(JSON.parse((await run(ofTenant)).stdout)).toMatchObject({ id: named, tenant: 'a b' });
    for (const [args, code, talk] of [
      [['../main'], 2, 'can be no id'],
      [['a', '--tenant', 't'], 1, 'unknown_event'],
      [['a', '--leaf'], 2, '--leaf'],
      [['a', '--log', 'main'], 2, 'only logs of events'],
      [['a', '--withhold', 'actors'], 1, 'withhold is a list'],
    ] as const) {
      const refusal = await run(['get', ...flags, ...args]);
      expect([refusal.exitCode, refusal.stderr]).toEqual([code, expect.stringContaining(talk)]);
    }
    expect(await server.stop()).toBe(0);
    expect((await run(['fsck', '--log', 'audit', '--data', data])).exitCode).toBe(0);
  }, 60_000);
});
