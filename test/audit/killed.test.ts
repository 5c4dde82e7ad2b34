import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { dirname, join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { createAudit } from '../../src/audit/audit.ts';
import { compiledCli } from '../support/cli-process.ts';
import { standInEventLog } from '../support/stand-in-event-log.ts';
import { tempFolder } from '../support/temp-folder.ts';

const cli = compiledCli();
const PROGRAM = join(import.meta.dirname, 'program.mjs');
const NOWHERE = 'http://127.0.0.1:1';

/** Runs the program until it has told so many events, and kills it; gives the ids of those for which `audit` had returned. */
async function told(
  count: number,
  { server, spool, token = 'token' }: { server: string; spool: string; token?: string },
): Promise<string[]> {
  const module = join(dirname(cli.main), '..', 'audit', 'audit.js');
  const child = spawn(process.execPath, [PROGRAM, module, server, spool, token], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  onTestFinished(() => void child.kill('SIGKILL'));
  let printed = '';
  child.stdout.on('data', (chunk: Buffer) => {
    printed += chunk.toString();
    if (printed.split('\n').length > count) child.kill('SIGKILL');
  });
  await once(child, 'close');
  expect(child.signalCode).toBe('SIGKILL');
  // The last id may have been cut short.
  return printed.split('\n').slice(0, -1);
}

describe('AUDIT-7 an event survives the kill -9 of its process', () => {
  test.each([
    ['without a log', [200]],
    ['beside a log', [300]],
    ['several times', [50, 150, 100]],
  ])('%s', async (name, counts) => {
    const spool = await tempFolder();
    const log = await standInEventLog();
    const server = name === 'without a log' ? NOWHERE : log.url;
    const ids: string[] = [];
    for (const count of counts) ids.push(...(await told(count, { server, spool })));
    expect(ids.length).toBeGreaterThanOrEqual(counts.reduce((sum, count) => sum + count, 0));

    const after = createAudit({ server: log.url, token: 'token', log: 'audit', spool });
    expect(await after.flush({ timeoutMs: 50_000 })).toBe(0);
    expect(await after.close()).toBe(0);
    expect(ids.filter((id) => !log.ids.includes(id))).toEqual([]);
    expect(new Set(log.ids).size).toBe(log.ids.length);
    // What was spooled and not yet printed may be there as well: at most one event a kill.
    expect(log.ids.length - ids.length).toBeLessThanOrEqual(counts.length);
  });
});

test('AUDIT-7 a log that is really one', async () => {
  const [data, spool] = [join(await tempFolder(), 'data'), await tempFolder()];
  const { token } = JSON.parse((await cli.stele(['init', '--json', '--data', data])).text);
  const server = await cli.serve(['--data', data]);
  onTestFinished(async () => void (await server.stop()));
  const ids = await told(200, { server: server.url, spool, token });
  const after = createAudit({ server: server.url, token, log: 'audit', spool });
  expect(await after.close({ timeoutMs: 50_000 })).toBe(0);

  const headers = { Authorization: `Bearer ${token}` };
  const indexes = await Promise.all(
    ids.map(async (id) => {
      const answer = await fetch(`${server.url}/logs/audit/events/${id}`, { headers });
      return Number(JSON.parse(await answer.text()).index);
    }),
  );
  expect(indexes).toEqual(ids.map((_, at) => at));
  const size = Number((await (await fetch(`${server.url}/logs/audit/checkpoint`)).text()).split('\n')[1]);
  expect(size - ids.length).toBeLessThanOrEqual(1);
});
