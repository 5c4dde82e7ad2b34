import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { tempFolder } from '../support/temp-folder.ts';
import { run } from './run-cli.ts';

const FILE = `sinks:
  - {name: out, type: stdout}
  - {name: program, type: command, command: [/bin/false]}
`;

async function file(yaml = FILE): Promise<string> {
  const path = join(await tempFolder(), 'alerts.yaml');
  await writeFile(path, yaml);
  return path;
}

describe('ALERT-9 stele alert test', () => {
  test('says of each sink whether it took the alert, and ends with 1 when one did not', async () => {
    const ran = await run(['alert', 'test', '--alerts', await file()]);
    expect(ran).toMatchObject({ exitCode: 1, stderr: 'out: taken\nprogram: /bin/false ended with 1\n' });
    expect(JSON.parse(ran.stdout)).toMatchObject({ alert: { kind: 'test', severity: 'info' } });
  });

  test('--sink tries one; as JSON', async () => {
    const one = await run(['alert', 'test', '--alerts', await file(), '--sink', 'program', '--json']);
    expect(one.exitCode).toBe(1);
    expect(JSON.parse(one.stdout).sinks).toEqual([
      { sink: 'program', taken: false, error: '/bin/false ended with 1' },
    ]);
    const other = await run(['alert', 'test', '--alerts', await file(), '--sink', 'out']);
    expect(other).toMatchObject({ exitCode: 0, stderr: 'out: taken\n' });
  });

  test.each<[string, (path: string) => readonly string[], number, string]>([
    ['no file named', () => [], 2, '--alerts'],
    ['a sink that is not there', (path) => ['--alerts', path, '--sink', 'x'], 2, 'no sink x'],
    ['a file that is not there', (path) => ['--alerts', `${path}.none`], 1, 'invalid_config'],
  ])('%s', async (_, args, exitCode, said) => {
    const ran = await run(['alert', 'test', ...args(await file())]);
    expect(ran).toMatchObject({ exitCode, stdout: '' });
    expect(ran.stderr).toContain(said);
  });
});
