import { mkdir, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { type Alert, alertId, raisedAlert } from '../../src/alert/alert.ts';
import { alertOfFinding, alertOfWitness, alertOfWitnessing } from '../../src/cli/alerting.ts';
import { logPaths } from '../../src/sequencer/data-directory.ts';
import type { Finding } from '../../src/sequencer/finding.ts';
import { LevelStore } from '../../src/store/level-store.ts';
import type { WitnessAlert } from '../../src/witness/witness-alert.ts';
import type { WitnessingAlert } from '../../src/witnessing/witness-alert.ts';
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

describe('ALERT-3 the outbox of a process that runs', () => {
  test.each<[string, readonly string[], readonly string[], (folder: string) => string]>([
    ['server', ['init'], ['serve'], (folder) => logPaths({ dataPath: folder, guardPath: folder }, 'main').db],
    ['witness', ['witness', 'init', 'w'], ['witness'], (folder) => join(folder, 'db')],
    ['monitor', ['monitor', 'init'], ['monitor', '--once'], (folder) => join(folder, 'db')],
  ])('is not touched by a second %s', async (_, init, start, db) => {
    const folder = join(await tempFolder(), 'd');
    const where = ['--data', folder, '--guard', `${folder}.guard`];
    expect((await run([...init, ...where])).exitCode).toBe(0);
    const outbox = join(folder, 'outbox', 'out');
    await mkdir(outbox, { recursive: true });
    const waiting = { kind: 'test', source: 'server', log: 'main', message: 'm' } as const;
    await writeFile(join(outbox, '0000000000000001.json'), JSON.stringify(raisedAlert(waiting, Date.now())));
    const first = await LevelStore.open(db(folder));
    onTestFinished(() => first.close());
    const alerts = await file('sinks: [{name: out, type: stdout}]');
    const ran = await run([...start, ...where, '--alerts', alerts, '--listen', '127.0.0.1:0']);
    expect(ran).toMatchObject({ exitCode: 1, stdout: '' });
    expect(ran.stderr).toContain('data_locked');
    expect(await readdir(outbox)).toEqual(['0000000000000001.json']);
    expect(await readdir(join(folder, 'outbox'))).toEqual(['out']);
  });
});

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

describe('ALERT-1 what a server and a witness tell', () => {
  const finding: Finding = {
    log: 'main',
    part: 'bundle',
    index: 2,
    message: 'm',
    foundBy: 'scrub',
    foundAt: '2026-01-01T00:00:00.000Z',
    whatNext: 'w',
  };

  test.each([
    ['a bundle', {}, { index: 2 }],
    ['an entry in it', { entry: 520 }, { index: 520 }],
    [
      'both hashes',
      { expected: 'ff00', actual: '00ff' },
      { index: 2, expectedHash: '/wA=', actualHash: 'AP8=' },
    ],
  ])('damage of %s', (_, more, facts) => {
    const told = { kind: 'damage', source: 'server', log: 'main', message: 'm', ...facts };
    expect(alertOfFinding({ ...finding, ...more })).toMatchObject(told);
  });

  test.each([
    ['a tile and a bundle', { part: 'tile', level: 0 }],
    ['tiles of two levels', { part: 'tile', level: 1 }],
    ['two rows', { row: '00ff' }],
    ['bytes that are wrong otherwise', { actual: '00ff' }],
  ] as const)('damage of %s of one index is two alerts', (_, more) => {
    expect(alertId(alertOfFinding({ ...finding, ...more }))).not.toBe(alertId(alertOfFinding(finding)));
    expect(alertId(alertOfFinding({ ...finding, foundBy: 'read' }))).toBe(alertId(alertOfFinding(finding)));
  });

  const seen = { origin: 'o', message: 'm' };
  test.each<[WitnessAlert, Partial<Alert>]>([
    [
      { ...seen, kind: 'fork', sizes: [3] },
      { sizes: [3], evidenceFile: 'alerts/fork-evidence-a.json' },
    ],
    [
      { ...seen, kind: 'refused', code: 'c' },
      { cause: 'c', evidenceFile: 'alerts/refused-a.json' },
    ],
  ])('%j of a witness, with the file that stele verify takes where there is one', (alert, told) => {
    const { kind } = alert;
    const all = { kind, source: 'witness', log: 'o', message: 'm' };
    expect(alertOfWitness(alert, `alerts/${kind}-a.json`)).toEqual({ ...all, ...told });
    expect(alertOfWitness(alert, undefined).evidenceFile).toBeUndefined();
  });

  const shown: WitnessingAlert = {
    ...{ kind: 'fork', log: 'main', origin: 'o', witness: 'w', message: 'm', notes: [] },
    ...{ treeSize: 5, witnessSize: 3, expectedHash: 'AAAA', actualHash: 'BBBB' },
  };
  const { actualHash: _, ...unshown } = shown;
  test.each<[string, WitnessingAlert, WitnessingAlert, boolean]>([
    ['a fork that two witnesses show', shown, { ...shown, witness: 'v' }, true],
    ['two forks', shown, { ...shown, actualHash: 'CCCC' }, false],
    ['a fork and a larger tree', shown, { ...shown, kind: 'witness_ahead' }, false],
    [
      'two witnesses in doubt',
      { ...unshown, kind: 'witness_forgot' },
      { ...unshown, kind: 'witness_forgot', witness: 'v' },
      false,
    ],
    [
      'two doubts of one',
      { ...unshown, kind: 'witness_forgot' },
      { ...unshown, kind: 'witness_size_above' },
      false,
    ],
  ])('%s: one alert, or two', (_name, one, other, same) => {
    const [first, second] = [one, other].map((each) => alertId(alertOfWitnessing(each, undefined)));
    expect(first === second).toBe(same);
  });
});
