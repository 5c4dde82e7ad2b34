import { createHash } from 'node:crypto';
import { expect, test } from 'vitest';
import { eventAppender } from '../../src/cli/event-appender.ts';
import { cutLines, type LineBatch } from '../../src/cli/line-cutter.ts';
import { logAccess } from '../../src/client/access.ts';
import type { Fetch } from '../../src/client/bounded-fetch.ts';
import { LogCalls } from '../../src/client/log-calls.ts';

const EVENT = '{"action":"user.login"}\n';

/** The Idempotency-Key that lines of events go with. */
async function keyOf(lines: string, token: string): Promise<string> {
  let key = '';
  const fetch: Fetch = async (_, init) => {
    if (init.method !== 'POST') return Response.json({ duplicates: 'key' });
    key = String(new Headers(init.headers).get('idempotency-key'));
    return Response.json({ indexes: [0], new: [true], checkpoint: 'note' });
  };
  const calls = new LogCalls(logAccess({ logUrl: 'http://log.example/logs/audit', fetch }));
  const batches: LineBatch[] = [];
  for await (const batch of cutLines(inOne(lines), 1_000)) batches.push(batch);
  const [batch] = batches;
  if (batch === undefined) throw new TypeError('there is no line');
  const reached = { calls, client: undefined, trust: undefined };
  await eventAppender(reached, token, undefined).batch(batch.entries, batch.key);
  return key;
}

async function* inOne(text: string): AsyncGenerator<Uint8Array> {
  yield Buffer.from(text);
}

test('CLI-22 keys of lines of events are the same again, and tell nothing to whom the token is unknown', async () => {
  const key = await keyOf(EVENT, 'a');
  expect(key).toMatch(/^[0-9a-f]{64}$/);
  expect(await keyOf(EVENT, 'a')).toBe(key);
  expect(await keyOf(`${EVENT.trim()} \n`, 'a')).not.toBe(key);
  expect(await keyOf(EVENT, 'b')).not.toBe(key);
  expect(key).not.toBe(createHash('sha256').update(EVENT).digest('hex'));
});
