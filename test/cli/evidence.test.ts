import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Hono } from 'hono';
import { describe, expect, onTestFinished, test } from 'vitest';
import { startServer } from '../../src/http/server.ts';
import { generateSigningKey } from '../../src/keys/generate.ts';
import { systemRandom } from '../../src/runtime/random.ts';
import { compiledCli } from '../support/cli-process.ts';
import { entryTexts, forkedLogs, type ServedLog, TOKEN } from '../support/served-logs.ts';
import { tempFolder } from '../support/temp-folder.ts';
import { run } from './run-cli.ts';

const cli = compiledCli();

/** A server that is one log until its second append, and another from then on. */
async function forkingServer(): Promise<{ readonly url: string; readonly vkey: string }> {
  const logs = await forkedLogs(3, [['a'], entryTexts(0, 1_100)]);
  let appends = 0;
  const app = new Hono().all('*', (c) => {
    if (c.req.method === 'POST' && c.req.path.endsWith('/entries')) appends += 1;
    return (logs[appends > 1 ? 1 : 0] as ServedLog).app.fetch(c.req.raw);
  });
  const server = await startServer(app, { hostname: '127.0.0.1', port: 0 });
  onTestFinished(() => server.close());
  return { url: `http://127.0.0.1:${server.port}`, vkey: (logs[0] as ServedLog).vkey };
}

describe('EVIDENCE-7 EVIDENCE-8 a fork that a command meets', () => {
  test('ends in a file that convicts the log', { timeout: 60_000 }, async () => {
    const { url, vkey } = await forkingServer();
    const cwd = await tempFolder();
    const lines = join(cwd, 'lines');
    await writeFile(lines, `${entryTexts(0, 1_001).join('\n')}\n`);
    const env = { STELE_SERVER: url, STELE_TOKEN: TOKEN };
    const met = await cli.stele(['append', lines, '--lines', '--vkey', vkey], { cwd, env });
    expect(met.code).toBe(1);
    expect(met.stderr).toContain('stele: fork: ');
    const [name = ''] = (await readdir(cwd)).filter((file) => file.startsWith('fork-evidence-'));
    expect(met.stderr).toContain(`evidence of the fork is in ${name}`);

    const file = join(cwd, name);
    const judged = await run(['verify', file, '--vkey', vkey]);
    expect(judged.stderr).toBe('');
    expect(judged.exitCode).toBe(0);
    expect(judged.stdout).toContain('the log is convicted: it signed a tree that does not extend');
    const json = await run(['verify', file, '--vkey', vkey, '--json']);
    expect(JSON.parse(json.stdout)).toMatchObject({
      convicted: 'log',
      kind: 'not-a-prefix',
      treeSizes: [1_004, 1_104],
    });

    const policy = join(cwd, 'policy');
    await writeFile(policy, `log ${vkey}\nquorum none\n`);
    expect((await run(['verify', file, '--policy', policy])).exitCode).toBe(0);
    const other = generateSigningKey(systemRandom, 'log.example/main').vkey;
    expect(await run(['verify', file, '--vkey', other])).toMatchObject({ exitCode: 1, stdout: '' });
    expect(await run(['verify', file, '--vkey', vkey, '--entry', lines])).toMatchObject({ exitCode: 2 });
    await writeFile(file, (await readFile(file, 'utf8')).replace('not-a-prefix', 'guilty'));
    const spoiled = await run(['verify', file, '--vkey', vkey]);
    expect(spoiled).toMatchObject({ exitCode: 1, stdout: '' });
    expect(spoiled.stderr).toContain('malformed_evidence');
  });
});
