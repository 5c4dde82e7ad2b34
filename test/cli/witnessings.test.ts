import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { Hono } from 'hono';
import { pino } from 'pino';
import { expect, onTestFinished, test } from 'vitest';
import { Witnessings } from '../../src/cli/witnessings.ts';
import { COSIGNATURE_V1 } from '../../src/core/note/key.ts';
import { startServer } from '../../src/http/server.ts';
import { generateSigningKey } from '../../src/keys/generate.ts';
import { systemRandom } from '../../src/runtime/random.ts';
import { logPaths } from '../../src/sequencer/data-directory.ts';
import { forkedLogs, type ServedLog } from '../support/served-logs.ts';
import { tempFolder } from '../support/temp-folder.ts';

/** The policy of a log whose one witness shows `held`, a head that the log's key has signed elsewhere. */
async function policyOf(held: ServedLog): Promise<string> {
  const front = new Hono();
  front.get('*', () => held.app.request('/logs/main/checkpoint'));
  const { port, close } = await startServer(front, { hostname: '127.0.0.1', port: 0 });
  onTestFinished(close);
  const { vkey } = generateSigningKey(systemRandom, 'witness.example/w', COSIGNATURE_V1);
  const path = join(await tempFolder(), 'policy');
  await writeFile(path, `witness w ${vkey} http://127.0.0.1:${port}\nquorum w\n`);
  return path;
}

test('WITNESSED-6 an alert that cannot be written goes out, and its evidence to the log lines', async () => {
  const [one, other] = (await forkedLogs(3, [['a'], ['b']])) as [ServedLog, ServedLog];
  // As a disk that is full: nothing can be written to the folder of alerts.
  await writeFile(join(logPaths(one.dir, 'main').root, 'alerts'), '');
  const told: unknown[] = [];
  const lines = new PassThrough();
  const witnessings = new Witnessings({
    dir: one.dir,
    settings: new Map([['main', { policy: await policyOf(other) }]]),
    lines: pino(lines),
    onAlert: async ({ kind }, file) => told.push([kind, file]),
  });
  await expect(witnessings.beforeSigning(one.log)).rejects.toMatchObject({ code: 'fork' });
  expect(told).toEqual([['fork', undefined]]);
  const said = String(lines.read()).trim().split('\n');
  expect(said.map((line) => JSON.parse(line))).toMatchObject([
    { msg: 'an alert could not be written', evidence: expect.stringContaining('two-roots') },
    { msg: 'alert', alert: { kind: 'fork' } },
  ]);
});
