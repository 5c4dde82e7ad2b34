import { createHash } from 'node:crypto';
import { cp, mkdir, readdir, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { compiledCli } from '../support/cli-process.ts';
import { tempFolder } from '../support/temp-folder.ts';

const cli = compiledCli();
const record = Buffer.alloc(70_000, 'a line of another system\n');
const event = {
  time: '2026-11-18T11:06:40Z',
  action: 'user.login',
  outcome: 'success',
  actor: { type: 'user', id: 'u-17' },
  raw: {
    format: 'x',
    media_type: 'text/plain',
    sha256: createHash('sha256').update(record).digest('base64'),
    size: record.length,
    content: record.toString('base64'),
  },
};

describe('BACKUP-7 BACKUP-8 stele backup --with-seeds and stele restore', () => {
  test('a server that is restored with seeds gives events and records back, one without answers 410', async () => {
    const root = await tempFolder();
    const [data, closed, open, keys] = ['data', 'closed', 'open', 'keys'].map((name) => join(root, name)) as [
      string,
      string,
      string,
      string,
    ];
    const made = JSON.parse((await cli.stele(['init', '--json', '--data', data])).text);
    const server = await cli.serve(['--data', data]);
    const bearer = { authorization: `Bearer ${made.token}` };
    const sent = await fetch(`${server.url}/logs/audit/events`, {
      method: 'POST',
      headers: { ...bearer, 'content-type': 'application/json' },
      body: JSON.stringify({ ...event, id: 'a' }),
    });
    expect(sent.status).toBe(201);

    const flags = ['--server', server.url, '--token', made.token];
    const without = await cli.stele(['backup', closed, ...flags]);
    expect([without.code, without.stderr]).toEqual([
      0,
      expect.stringContaining('audit: no seeds of events.'),
    ]);
    const taken = await cli.stele(['backup', open, '--with-seeds', ...flags]);
    expect([taken.code, taken.stderr]).toEqual([
      0,
      expect.stringContaining('audit: whoever has this folder can read its events'),
    ]);
    const seeds = join(open, 'logs/audit/seeds');
    for (const name of await readdir(seeds)) expect((await stat(join(seeds, name))).mode & 0o777).toBe(0o600);
    const plain = JSON.parse(
      (await cli.stele(['token', 'create', '--json', '--data', data, '--scopes', 'append,read,query'])).text,
    );
    const refused = await cli.stele([
      'backup',
      join(root, 'no'),
      '--with-seeds',
      '--server',
      server.url,
      '--token',
      plain.token,
    ]);
    expect([refused.code, refused.stderr]).toEqual([1, expect.stringContaining('admin')]);
    expect(await server.stop()).toBe(0);

    await mkdir(keys);
    for (const log of ['main', 'audit']) await cp(join(data, 'logs', log, 'key'), join(keys, `${log}.key`));
    for (const [backup, status, talk] of [
      [closed, 410, '1 of its events are proven but cannot be read'],
      [open, 200, 'it will start'],
    ] as const) {
      await rm(data, { recursive: true });
      const restored = await cli.stele(['restore', backup, '--keys', keys, '--data', data]);
      expect([restored.code, restored.stderr]).toEqual([0, expect.stringContaining(talk)]);
      const { token } = JSON.parse(
        (await cli.stele(['token', 'create', '--json', '--data', data, '--scopes', 'query,append'])).text,
      );
      const again = await cli.serve(['--data', data]);
      const ask = (path: string): Promise<Response> =>
        fetch(`${again.url}/logs/audit/events/${path}`, { headers: { authorization: `Bearer ${token}` } });
      expect((await ask('a')).status).toBe(status);
      const raw = await ask('a/raw');
      expect(raw.status).toBe(status);
      if (status === 200) expect(Buffer.from(await raw.arrayBuffer()).equals(record)).toBe(true);
      expect(await again.stop()).toBe(0);
      expect((await cli.stele(['fsck', '--data', data])).code).toBe(0);
    }
  }, 60_000);
});
