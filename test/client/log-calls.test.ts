import { describe, expect, test } from 'vitest';
import type { Fetch } from '../../src/client/bounded-fetch.ts';
import { LogCalls } from '../../src/client/log-calls.ts';

function calls(fetch: Fetch, triesMax = 1): LogCalls {
  const retry = { random: () => 0, sleep: async () => undefined };
  const logUrl = 'http://log.example/logs/main';
  return new LogCalls({
    logUrl,
    token: 'stele_t',
    encoding: 'json',
    fetch,
    retry,
    timeoutMs: 1_000,
    triesMax,
  });
}

const call = { path: 'checkpoint', bytesMax: 1_000 };

describe('CLIENT-4 refusals keep the server’s code, unless only we may say it', () => {
  test.each([
    [404, '{"code":"beyond_log_head","detail":"5 entries","treeSize":5}', 'beyond_log_head'],
    [503, '{"code":"queue_full"}', 'queue_full'],
    [403, '{"code":"forbidden"}', 'forbidden'],
    [404, '<html>', 'not_found'],
    [400, '{"code":"made_up"}', 'invalid_request'],
    [400, '{"code":"toString"}', 'invalid_request'],
    [400, '[]', 'invalid_request'],
    [301, '', 'invalid_request'],
    [500, '{"code":"internal"}', 'unreachable'],
    [502, '<html>', 'unreachable'],
    [400, '{"code":"fork"}', 'invalid_request'],
    [500, '{"code":"rollback"}', 'unreachable'],
    [400, '{"code":"guard_ahead"}', 'invalid_request'],
  ])('%i %s is %s', async (status, body, code) => {
    const asked = calls(async () => new Response(body, { status })).ask(call);
    await expect(asked).rejects.toMatchObject({ code });
  });

  test('the size that the server names goes along', async () => {
    const body = '{"code":"beyond_log_head","treeSize":5,"keptNote":"x"}';
    const asked = calls(async () => new Response(body, { status: 404 })).ask(call);
    await expect(asked).rejects.toMatchObject({ details: { treeSize: 5 } });
  });
});

test('CLIENT-4 every request carries the token; absence is no error; JSON must be JSON', async () => {
  const seen: [string, unknown][] = [];
  const fetch: Fetch = async (url, init) => {
    seen.push([url, init.headers]);
    return new Response('{', { status: url.endsWith('none') ? 404 : 200 });
  };
  expect(await calls(fetch).find({ ...call, path: 'none' })).toBeUndefined();
  await expect(calls(fetch).askFields(call)).rejects.toMatchObject({ code: 'malformed_answer' });
  expect(seen).toEqual([
    ['http://log.example/logs/main/none', { Authorization: 'Bearer stele_t' }],
    [
      'http://log.example/logs/main/checkpoint',
      { Accept: 'application/json', Authorization: 'Bearer stele_t' },
    ],
  ]);
});

test('CLIENT-2 a call can ask for fewer tries', async () => {
  let tries = 0;
  const fetch: Fetch = async () => {
    tries += 1;
    return new Response(null, { status: 500 });
  };
  await expect(calls(fetch, 3).ask(call)).rejects.toMatchObject({ code: 'unreachable' });
  expect(tries).toBe(3);
  await expect(calls(fetch, 3).ask({ ...call, triesMax: 1 })).rejects.toMatchObject({ code: 'unreachable' });
  expect(tries).toBe(4);
});
