import { type ChildProcess, execFile, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmod, chown, cp, mkdir, mkdtemp, readdir, readFile, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import {
  environmentOf,
  execForm,
  type Instruction,
  lastOf,
  readDockerfile,
  type Stage,
} from './dockerfile.ts';

/*
 * There is no Docker daemon here, so the steps of the Dockerfile are done in folders that stand for its images, and
 * what they make is run as its user, who may write to the two volumes and to nothing else.
 */

const ROOT = join(import.meta.dirname, '..', '..');
const run = promisify(execFile);
const stages = readDockerfile(join(ROOT, 'Dockerfile'));
const final = stages.at(-1) as Stage;
const USER = Number(lastOf(final, 'USER')?.split(':')[0]);
const VOLUMES = execForm(lastOf(final, 'VOLUME'));

/** Why this cannot run here; in CI it runs, and fails. */
function missing(): string | undefined {
  const why = process.getuid?.() === 0 ? undefined : 'it takes root to run something as another user';
  try {
    execFileSync('setpriv', ['--version'], { stdio: 'pipe' });
    if (why === undefined || process.env['CI'] === 'true') return undefined;
  } catch (error) {
    if (process.env['CI'] === 'true') return undefined;
    return said(`setpriv does not run here: ${(error as Error).message}`);
  }
  return said(why);
}

function said(reason: string): string {
  console.warn(`skipped: ${reason}`);
  return reason;
}

/** Does the steps of every stage; gives the folder that stands for the root of the last image. */
async function buildImage(top: string): Promise<string> {
  for (const stage of stages) {
    const root = join(top, stage.name);
    await mkdir(root, { mode: 0o755 });
    for (const step of stage.steps) await doStep(top, root, workDirectory(stage), step);
  }
  const root = join(top, final.name);
  // The base image's node; the one that runs this may lie where nobody else can reach it.
  await mkdir(join(root, 'bin'));
  await cp(process.execPath, join(root, 'bin', 'node'), { dereference: true });
  return root;
}

const workDirectory = (stage: Stage): string => lastOf(stage, 'WORKDIR') ?? '/';

async function doStep(
  top: string,
  root: string,
  workdir: string,
  { word, rest }: Instruction,
): Promise<void> {
  const cwd = join(root, workdir);
  await mkdir(cwd, { recursive: true, mode: 0o755 });
  if (word === 'COPY') await copy(top, cwd, rest);
  if (word === 'RUN' && rest.startsWith('groupadd')) await makeVolumes(root, rest);
  else if (word === 'RUN') await run('sh', ['-c', rest], { cwd, maxBuffer: 1e8 });
}

async function copy(top: string, cwd: string, rest: string): Promise<void> {
  const words = rest.split(/\s+/);
  const from = /^--from=(.+)$/.exec(words[0] ?? '')?.[1];
  const target = join(cwd, words.at(-1) ?? '');
  const sources = words.slice(from === undefined ? 0 : 1, -1);
  for (const source of sources) {
    const isFolder = rest.endsWith('/');
    const name = source.split('/').at(-1) ?? '';
    const path = from === undefined ? join(ROOT, source) : join(top, from, source);
    await cp(path, isFolder ? join(target, name) : target, { recursive: true, verbatimSymlinks: true });
  }
}

/** The one step that is not done as it stands: this machine's list of users is not ours to change. */
async function makeVolumes(root: string, rest: string): Promise<void> {
  expect(rest).toContain(`useradd --uid ${USER} `);
  expect(rest).toContain(`install -d -o stele -g stele -m 700 ${VOLUMES.join(' ')}`);
  await emptyVolumes(root);
}

async function emptyVolumes(root: string): Promise<void> {
  for (const volume of VOLUMES) {
    await rm(join(root, volume), { recursive: true, force: true });
    await mkdir(join(root, volume), { mode: 0o700 });
    await chown(join(root, volume), USER, USER);
  }
}

/** Runs something in the image as a user without any right beyond its own. */
function asUser(root: string, uid: number, args: readonly string[], listen = '127.0.0.1:0'): ChildProcess {
  const limits = [
    '--reuid',
    `${uid}`,
    '--regid',
    `${uid}`,
    '--clear-groups',
    '--no-new-privs',
    '--bounding-set=-all',
  ];
  const variables = Object.entries(environmentOf(final)).map(([name, value]) => {
    const isPath = VOLUMES.includes(value);
    return [name, isPath ? join(root, value) : name === 'STELE_LISTEN' ? listen : value];
  });
  const env = { ...Object.fromEntries(variables), PATH: `${join(root, 'bin')}:/usr/bin:/bin` };
  const cwd = join(root, workDirectory(final));
  return spawn('setpriv', [...limits, ...args], { cwd, env, stdio: ['ignore', 'pipe', 'pipe'] });
}

async function ended(child: ChildProcess): Promise<{ code: number; text: string }> {
  let text = '';
  for (const stream of [child.stdout, child.stderr]) stream?.on('data', (chunk) => (text += chunk));
  const [code] = await once(child, 'close');
  return { code, text };
}

/** Every path below a folder but those of the volumes. */
async function pathsOf(root: string): Promise<string[]> {
  const all = await readdir(root, { recursive: true });
  return all.filter((path) => !VOLUMES.some((volume) => `/${path}`.startsWith(volume))).sort();
}

const skip = missing();

describe.skipIf(skip !== undefined)('CLI-46 the image', () => {
  let top: string;
  let root: string;
  beforeAll(async () => {
    top = await mkdtemp(join(tmpdir(), 'stele-image-'));
    await chmod(top, 0o755);
    root = await buildImage(top);
  });
  afterAll(() => rm(top, { recursive: true, force: true }));

  test('its user serves a log, writes to the volumes alone, and stops in order', async () => {
    await emptyVolumes(root);
    const before = await pathsOf(root);
    const [entry = [], serve = []] = [execForm(lastOf(final, 'ENTRYPOINT')), execForm(lastOf(final, 'CMD'))];
    expect((await ended(asUser(root, USER, ['sh', '-c', 'touch x']))).code).not.toBe(0);

    const init = await ended(asUser(root, USER, [...entry, 'init', '--json', '--origin', 'docker.example']));
    expect(init).toMatchObject({ code: 0 });
    const { token } = JSON.parse(init.text.slice(init.text.indexOf('{"logs"')));
    const server = asUser(root, USER, [...entry, ...serve]);
    onTestFinished(() => void server.kill('SIGKILL'));
    const [url] = await once(createInterface({ input: server.stdout as NodeJS.ReadableStream }), 'line');
    const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/octet-stream' };
    const append = { method: 'POST', body: 'x', headers };
    expect((await fetch(`${url}/logs/main/entries`, append)).status).toBe(201);

    const health = execForm(lastOf(final, 'HEALTHCHECK')).map((word) =>
      word.replace('http://127.0.0.1:8080', url),
    );
    expect((await ended(asUser(root, USER, health))).code).toBe(0);
    const stopped = ended(server);
    server.kill(lastOf(final, 'STOPSIGNAL') as NodeJS.Signals);
    expect((await stopped).code).toBe(0);
    expect((await ended(asUser(root, USER, health))).code).toBe(1);
    expect(await pathsOf(root)).toEqual(before);
  });

  test('no other user reads a volume, and no development package is in it', async () => {
    await emptyVolumes(root);
    const entry = execForm(lastOf(final, 'ENTRYPOINT'));
    expect((await ended(asUser(root, USER, [...entry, 'init']))).code).toBe(0);
    const [data = ''] = VOLUMES;
    const key = join(root, data, 'logs/main/key');
    const { mode, uid } = await stat(key);
    expect([mode & 0o777, uid]).toEqual([0o600, USER]);
    expect((await ended(asUser(root, USER + 1, ['cat', key]))).code).not.toBe(0);
    const packages = await readdir(join(root, workDirectory(final), 'node_modules'));
    expect(packages).toContain('hono');
    for (const name of ['vitest', 'typescript', '@biomejs']) expect(packages).not.toContain(name);
  });
});

test('what lies in a checkout beside the sources stays out of the image', async () => {
  const ignored = (await readFile(join(ROOT, '.dockerignore'), 'utf8')).split('\n');
  for (const name of ['node_modules/', 'dist/', '/data/', '/data.guard/', '.git'])
    expect(ignored).toContain(name);
});
