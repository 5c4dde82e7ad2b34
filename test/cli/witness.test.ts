import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { compiledCli } from '../support/cli-process.ts';
import { GrowingLog, testSigner } from '../support/growing-log.ts';
import { isRunning, type ServerProcess, startServerProcess } from '../support/server-process.ts';
import { tempFolder } from '../support/temp-folder.ts';
import { readCosigned } from '../support/witness-desk.ts';
import { run } from './run-cli.ts';

const cli = compiledCli();
const log = GrowingLog.of(testSigner('log.example/main'), 20);

async function folders(): Promise<string[]> {
  const folder = await tempFolder();
  return ['--data', join(folder, 'w'), '--guard', join(folder, 'g')];
}

async function serving(args: readonly string[]): Promise<ServerProcess> {
  const started = await startServerProcess({
    args: [cli.main, 'witness', '--json', '--listen', '127.0.0.1:0', ...args],
  });
  if (!isRunning(started)) throw new Error(started.said);
  onTestFinished(async () => {
    started.kill('SIGKILL');
    await started.ended;
  });
  return started;
}

describe('WITNESS-15 the command line', () => {
  test('init, add-log, witness: a log is followed without a restart, and SIGTERM ends it with 0', async () => {
    const where = await folders();
    const made = await run(['witness', 'init', 'witness.example/w', '--json', ...where]);
    expect(made).toMatchObject({ exitCode: 0, stderr: '' });
    const { name, vkey }: { name: string; vkey: string } = JSON.parse(made.stdout);
    expect([name, vkey.split('+')[0]]).toEqual(['witness.example/w', 'witness.example/w']);
    const server = await serving(where);
    const post = async (from: number, to: number): Promise<Response> =>
      fetch(`${server.url}/add-checkpoint`, { method: 'POST', body: await log.request(from, to) });
    expect((await post(0, 5)).status).toBe(404);
    const added = await run(['witness', 'add-log', log.signer.vkey, '--json', ...where]);
    expect(JSON.parse(added.stdout)).toEqual({ vkey: log.signer.vkey, added: true });
    const line = await (await post(0, 5)).text();
    const text = (await log.note(5)).split('\n\n')[0];
    const nowSec = Date.now() / 1_000;
    const { timeSec } = await readCosigned(`${text}\n\n${line}`, vkey);
    expect(Math.abs(timeSec - nowSec)).toBeLessThan(60);
    expect((await post(0, 5)).status).toBe(409);
    server.kill('SIGTERM');
    expect(await server.ended).toMatchObject({ code: 0 });
    const again = await serving(where);
    expect((await fetch(`${again.url}/metrics`).then((answer) => answer.text())).includes('tree_size')).toBe(
      true,
    );
  });

  test.each<[string, readonly string[], number, string]>([
    ['a name with a space', ['witness', 'init', 'a b'], 2, 'without spaces'],
    ['no name', ['witness', 'init'], 2, 'name'],
    ['a start without data', ['witness'], 1, 'no_data'],
    ['a log for no witness', ['witness', 'add-log', log.signer.vkey], 1, 'no_data'],
    ['a rate that is none', ['witness', '--log-rate', '-1'], 2, 'log-rate'],
  ])('%s', async (_, args, exitCode, said) => {
    const ran = await run([...args, ...(await folders())]);
    expect(ran).toMatchObject({ exitCode, stdout: '' });
    expect(ran.stderr).toContain(said);
  });

  test('what is there is not made again, and a key that is none is refused', async () => {
    const where = await folders();
    await run(['witness', 'init', 'w', ...where]);
    const again = await run(['witness', 'init', 'w', ...where]);
    expect(again.exitCode).toBe(1);
    expect(again.stderr).toContain('data_exists');
    const bad = await run(['witness', 'add-log', 'x', ...where]);
    expect(bad.exitCode).not.toBe(0);
    expect(bad.stderr).toContain('malformed_key');
  });
});
