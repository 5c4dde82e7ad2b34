import { cp, mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { contentHash } from '../../src/sequencer/content-hash.ts';
import { compiledCli, type Serving } from '../support/cli-process.ts';
import { SeededRandom } from '../support/seeded-random.ts';
import { tempFolder } from '../support/temp-folder.ts';
import { made } from './run-cli.ts';

const cli = compiledCli();

interface Started {
  readonly data: string;
  readonly token: string;
  readonly vkey: string;
}

async function init(): Promise<Started> {
  const data = join(await tempFolder(), 'data');
  const { token, logs } = await made(['init', '--data', data]);
  return { data, token, vkey: logs[0]?.vkey ?? '' };
}

/** Entries of random bytes, which no compression hides in a table. */
function randomEntries(count: number, length: number): Buffer[] {
  const random = new SeededRandom(7);
  return Array.from({ length: count }, () => Buffer.from(Array.from({ length }, () => random.int(0, 256))));
}

function bundleOf(entries: readonly Buffer[]): Buffer {
  return Buffer.concat(
    entries.flatMap((entry) => [Buffer.from([entry.length >> 8, entry.length & 255]), entry]),
  );
}

async function append(
  { url }: Serving,
  token: string,
  entries: readonly Buffer[],
  key: string,
): Promise<number> {
  const type = 'application/vnd.stele.entry-bundle';
  const headers = { authorization: `Bearer ${token}`, 'content-type': type, 'idempotency-key': key };
  const answer = await fetch(`${url}/logs/main/entries`, {
    method: 'POST',
    headers,
    body: new Uint8Array(bundleOf(entries)),
  });
  await answer.arrayBuffer();
  return answer.status;
}

interface Audit {
  readonly findings: readonly object[];
}

const json = async (server: Serving, path: string): Promise<object> =>
  (await fetch(`${server.url}/${path}`)).json();
const auditOf = async (server: Serving): Promise<Audit> => (await json(server, 'logs/main/audit')) as Audit;

/** Changes one bit of these bytes in whichever table holds them. */
async function flipInTables(data: string, wanted: Buffer): Promise<void> {
  const db = join(data, 'logs/main/db');
  let flips = 0;
  for (const name of (await readdir(db)).filter((file) => /\.(?:ldb|log)$/.test(file))) {
    const bytes = await readFile(join(db, name));
    const at = bytes.indexOf(wanted);
    if (at < 0) continue;
    bytes.writeUInt8(bytes.readUInt8(at + 3) ^ 1, at + 3);
    await writeFile(join(db, name), bytes);
    flips += 1;
  }
  expect(flips).toBeGreaterThan(0);
}

describe('SCRUB-5 a bit that flips in a table of a stopped server', () => {
  test('is found by a read or by scrubbing, stops the log, outlives restarts, and is repaired from a backup', async () => {
    const { data, token } = await init();
    const folder = join(data, '../backup');
    let server = await cli.serve(['--data', data, '--scrub-seconds', '0']);
    const first = randomEntries(256, 60);
    expect(await append(server, token, first, 'first')).toBe(201);
    // More than every start re-hashes, so that the first bundle is not looked at by the next one.
    const small = Array.from({ length: 4_096 }, (_, i) => Buffer.from(`${i}`));
    for (let i = 0; i < 26; i += 1) expect(await append(server, token, small, `batch-${i}`)).toBe(201);
    const backedUp = await cli.stele(['backup', folder, '--json', '--server', server.url, '--token', token]);
    expect([backedUp.code, JSON.parse(backedUp.text).logs[0].treeSize]).toEqual([0, 256 + 26 * 4_096]);
    expect(await server.stop()).toBe(0);
    server = await cli.serve(['--data', data, '--scrub-seconds', '0']);
    expect(await server.stop()).toBe(0);
    await flipInTables(data, first[100] ?? Buffer.alloc(0));

    server = await cli.serve(['--data', data, '--scrub-seconds', '0']);
    expect((await fetch(`${server.url}/logs/main/tile/entries/000`)).status).toBe(500);
    expect((await fetch(`${server.url}/logs/main/entries/300`)).status).toBe(200);
    expect((await fetch(`${server.url}/logs/main/proofs/inclusion?index=100`)).status).toBe(200);
    expect(await append(server, token, [Buffer.from('x')], 'x')).toBe(503);
    expect(await json(server, 'readyz')).toMatchObject({ code: 'log_damaged', logs: ['main'] });
    const audit = await auditOf(server);
    expect(audit).toMatchObject({ signs: false, findings: [{ part: 'bundle', index: 0, foundBy: 'read' }] });
    const told = server
      .stderr()
      .split('\n')
      .filter((line) => line.includes('"level":"error"'));
    expect(told.map((line) => JSON.parse(line)).filter(({ finding }) => finding !== undefined)).toMatchObject(
      [{ log: 'main', finding: audit.findings[0] }],
    );
    expect(await server.stop()).toBe(0);

    server = await cli.serve(['--data', data, '--scrub-seconds', '0']);
    expect(await append(server, token, [Buffer.from('x')], 'x')).toBe(503);
    expect((await auditOf(server)).findings).toEqual(audit.findings);
    const files = await readdir(join(data, 'logs/main'));
    expect((await cli.stele(['repair', '--data', data, '--from', folder])).stderr).toContain('data_locked');
    expect(await readdir(join(data, 'logs/main'))).toEqual(files);
    expect(await server.stop()).toBe(0);

    const repaired = await cli.stele(['repair', '--data', data, '--from', folder, '--json']);
    expect([repaired.code, JSON.parse(repaired.text)]).toMatchObject([
      0,
      { clean: true, repaired: { names: ['bundle 0'] } },
    ]);
    expect((await cli.stele(['fsck', '--data', data])).code).toBe(0);
    server = await cli.serve(['--data', data]);
    expect(await append(server, token, [Buffer.from('x')], 'x')).toBe(201);
    expect(Buffer.from(await (await fetch(`${server.url}/logs/main/entries/100`)).arrayBuffer())).toEqual(
      first[100],
    );
    expect(await json(server, 'logs/main/audit')).toMatchObject({ signs: true, findings: [] });
    expect(await server.stop()).toBe(0);
  }, 120_000);

  test('is found by scrubbing where nobody reads', async () => {
    const { data, token } = await init();
    let server = await cli.serve(['--data', data]);
    for (let i = 0; i < 3; i += 1)
      expect(await append(server, token, [Buffer.from(`${i}`)], `key-${i}`)).toBe(201);
    expect(await server.stop()).toBe(0);
    server = await cli.serve(['--data', data]);
    expect(await server.stop()).toBe(0);
    // The digest of what came with the last retry key: only its row holds it.
    await flipInTables(data, Buffer.from(contentHash([Buffer.from('2')])));
    server = await cli.serve(['--data', data, '--scrub-seconds', '2']);
    let findings: readonly object[] = [];
    for (const endAt = Date.now() + 50_000; findings.length === 0 && Date.now() < endAt; )
      findings = (await auditOf(server)).findings;
    expect(findings).toMatchObject([{ part: 'retry', foundBy: 'scrub' }]);
    expect(await append(server, token, [Buffer.from('x')], 'x')).toBe(503);
    expect(await server.stop()).toBe(0);
  }, 60_000);
});

describe('BACKUP-1 under load', () => {
  test('is of one head, and restored it starts, refuses behind the guard, and catches up from a mirror', async () => {
    const { data, token, vkey } = await init();
    const root = join(data, '..');
    const server = await cli.serve(['--data', data, '--ops-listen', '127.0.0.1:0', '--scrub-seconds', '5']);
    let isOver = false;
    let acked = 0;
    const load = Array.from({ length: 8 }, async (_, writer) => {
      for (let i = 0; !isOver; i += 1) {
        const entries = Array.from({ length: 20 }, (__, j) =>
          Buffer.from(`writer ${writer} entry ${i * 20 + j}`),
        );
        if ((await append(server, token, entries, `${writer}/${i}`)) === 201) acked += 20;
      }
    });
    while (acked < 2_000) await new Promise((resolve) => setImmediate(resolve));
    const folder = join(root, 'backup');
    const args = [
      'backup',
      folder,
      '--json',
      '--server',
      server.url,
      '--ops-server',
      server.opsUrl ?? '',
      '--token',
      token,
    ];
    const runs = [await cli.stele(args), await cli.stele(args)].map(({ code, text }) => [
      code,
      JSON.parse(text).logs[0],
    ]);
    isOver = true;
    await Promise.all(load);
    expect(runs).toMatchObject([
      [0, { log: 'main' }],
      [0, { log: 'main' }],
    ]);
    const [, { treeSize }] = runs[1] as [number, { treeSize: number }];
    expect(treeSize).toBeGreaterThanOrEqual(2_000);
    // Without the port of the operator there is no such route.
    expect((await fetch(`${server.url}/logs/main/backup`)).status).toBe(404);
    expect((await fetch(`${server.opsUrl}/logs/main/backup`)).status).toBe(401);
    expect(await append(server, token, [Buffer.from('after the backup')], 'last')).toBe(201);

    await mkdir(join(root, 'keys'));
    for (const log of ['main', 'audit'])
      await cp(join(data, `logs/${log}/key`), join(root, `keys/${log}.key`));
    const restore = ['restore', folder, '--data', join(root, 'new'), '--keys', join(root, 'keys')];
    // The guard of the running server is read, not taken over.
    const restored = await cli.stele([...restore, '--guard', `${data}.guard`]);
    expect([restored.code, restored.stderr]).toEqual([
      1,
      expect.stringContaining(`the backup ends at ${treeSize}`),
    ]);
    const mirror = join(root, 'mirror');
    await cp(`${data}.guard`, `${mirror}.guard`, { recursive: true });
    await cp(join(root, 'new'), mirror, { recursive: true });
    const refused = await cli.stele(['serve', '--json', '--data', mirror, '--listen', '127.0.0.1:0']);
    expect([refused.code, JSON.parse(refused.stderr).error]).toMatchObject([
      1,
      { code: 'guard_ahead', details: { dataSize: treeSize } },
    ]);
    const caughtUp = await cli.stele([
      'repair',
      '--json',
      '--data',
      mirror,
      '--from',
      `${server.url}/logs/main`,
    ]);
    expect([caughtUp.code, JSON.parse(caughtUp.text)]).toMatchObject([0, { clean: true }]);
    const head = await (await fetch(`${server.url}/logs/main/checkpoint`)).text();
    expect(await server.stop()).toBe(0);
    await rm(data, { recursive: true });
    const again = await cli.serve(['--data', mirror]);
    expect(await (await fetch(`${again.url}/logs/main/checkpoint`)).text()).toBe(head);
    expect(again.logs[0]?.vkey).toBe(vkey);
    expect(await again.stop()).toBe(0);
  }, 120_000);
});
