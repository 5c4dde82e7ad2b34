import { once } from 'node:events';
import { rename } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { compiledCli, type Serving } from '../support/cli-process.ts';
import { tempFolder } from '../support/temp-folder.ts';

const cli = compiledCli();
const EVENTS = 400;

/** A data directory of its own, and what its server is asked. */
async function desk() {
  const data = join(await tempFolder(), 'data');
  const { token } = JSON.parse((await cli.stele(['init', '--json', '--data', data])).text);
  const serve = () => cli.serve(['--data', data]);
  const at = ({ url }: Serving, path = '') => `${url}/logs/audit/events${path}`;
  const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/x-ndjson' };
  const post = (server: Serving, name: string) =>
    fetch(at(server), { method: 'POST', headers, body: batch(name) });
  const get = async (server: Serving, id: string) => (await fetch(at(server, `/${id}`), { headers })).json();
  return { data, serve, post, get };
}

/** Enough that other threads read and seal it. */
function batch(name: string): string {
  const facts = { time: '2026-11-18T11:06:40Z', action: 'a.b', outcome: 'success' };
  const event = (i: number) => ({
    ...{ ...facts, id: `${name}${i}`, actor: { type: 'user', id: 'u' } },
    data: { text: 'x'.repeat(300) },
  });
  return Array.from({ length: EVENTS }, (_, i) => JSON.stringify(event(i))).join('\n');
}

describe('CLI-41 the threads of a server', () => {
  test('read and seal batches, and end with it', async () => {
    const { data, serve, post, get } = await desk();
    const server = await serve();
    const answers = await Promise.all(['a', 'b', 'c'].map((name) => post(server, name)));
    expect(answers.map(({ status }) => status)).toEqual([201, 201, 201]);
    expect(await get(server, 'b399')).toMatchObject({
      event: { id: 'b399' },
      lights: { payload: 'verified' },
    });
    expect((await post(server, 'b')).status).toBe(200);
    expect(await server.stop()).toBe(0);
    expect((await cli.stele(['fsck', '--data', data])).code).toBe(0);
  });

  test('in a stop they finish what waits', async () => {
    const { serve, post, get } = await desk();
    const server = await serve();
    expect((await post(server, 'a')).status).toBe(201);
    const names = ['b', 'c', 'd', 'e'];
    const answers = names.map((name) => post(server, name).catch(() => undefined));
    await Promise.any(answers.map(async (answer) => expect((await answer)?.status).toBe(201)));
    expect(await server.stop()).toBe(0);
    const again = await serve();
    for (const [i, answer] of (await Promise.all(answers)).entries())
      if (answer?.status === 201)
        expect(await get(again, `${names[i]}399`)).toMatchObject({ lights: { payload: 'verified' } });
    expect(await again.stop()).toBe(0);
  });

  test.each([
    'http/reading-thread.js',
    'events/sealing-thread.js',
  ])('%s: one that ends takes the process with it, and the log goes on in the next', async (module) => {
    const { serve, post } = await desk();
    const path = join(dirname(cli.main), '..', module);
    await rename(path, `${path}.away`);
    const back = () => rename(`${path}.away`, path);
    onTestFinished(() => back().catch(() => undefined));
    const server = await serve();
    const ended = once(server.process, 'close');
    expect((await post(server, 'a')).status).toBe(500);
    expect(await ended).toEqual([70, null]);
    expect(server.stderr()).toContain('the process ends');
    await back();
    const next = await serve();
    expect((await post(next, 'a')).status).toBe(201);
    expect(await next.stop()).toBe(0);
  });
});
