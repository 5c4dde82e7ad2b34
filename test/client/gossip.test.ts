import { describe, expect, test } from 'vitest';
import type { Fetch } from '../../src/client/bounded-fetch.ts';
import type { LogClient } from '../../src/client/log-client.ts';
import { parseVerifierKey } from '../../src/core/note/key.ts';
import { createMonitorApp } from '../../src/http/monitor-app.ts';
import { Gossip } from '../../src/monitor/gossip.ts';
import { openDesk } from '../support/monitor-desk.ts';
import { forkedLogs, LOG_URL, type ServedLog, TOKEN } from '../support/served-logs.ts';

const MONITOR = 'http://monitor.example';

/** A client of one log, and a monitor of another that has the same key. */
async function parties(
  seen: ServedLog,
  watched: ServedLog,
): Promise<{ client: LogClient; asked: RequestInit[] }> {
  const origin = parseVerifierKey(watched.vkey).name;
  const toLog: Fetch = (url, init) =>
    watched.fetch(`${LOG_URL}${new URL(url).pathname}${new URL(url).search}`, init);
  const { monitor, clock, round } = await openDesk({ origin, trust: { vkey: watched.vkey } }, toLog);
  await round();
  const gossip = new Gossip({
    ...{ monitor, clock, peers: [], witnesses: [], gossipMs: 1, keys: [], fetch: toLog },
    onTrouble: () => undefined,
  });
  const alerter = { status: [] } as unknown as Parameters<typeof createMonitorApp>[0]['alerter'];
  const app = createMonitorApp({ monitor, gossip, alerter });
  const asked: RequestInit[] = [];
  const fetch: Fetch = async (url, init) => {
    if (!url.startsWith(MONITOR)) return seen.fetch(url, init);
    asked.push(init);
    return app.request(url, init);
  };
  return { client: seen.client({ fetch, encoding: 'cbor' }), asked };
}

describe('GOSSIP-5 a client and a monitor', () => {
  test.each<[string, readonly string[], readonly string[]]>([
    ['of one size', ['a'], ['b']],
    ['the client ahead', ['a', 'c'], ['b']],
    ['the monitor ahead', ['a'], ['b', 'c']],
  ])('%s, shown two histories: a fork with evidence', async (_, one, two) => {
    const [seen, watched] = (await forkedLogs(300, [one, two])) as [ServedLog, ServedLog];
    const { client } = await parties(seen, watched);
    await client.checkpoint();
    const error = await client.gossip(MONITOR).then(
      () => undefined,
      (thrown: { code: string; details: Record<string, unknown> }) => thrown,
    );
    expect(error?.code).toBe('fork');
    expect(typeof error?.details['evidence']).toBe('string');
  });

  test('who see one history agree; the token of the log stays with it', async () => {
    const [seen] = (await forkedLogs(300, [['a']])) as [ServedLog];
    const { client, asked } = await parties(seen, seen);
    expect(await client.gossip(MONITOR)).toMatchObject([{ size: 301 }]);
    await client.checkpoint();
    expect(await client.gossip(MONITOR)).toMatchObject([{ size: 301 }]);
    expect(JSON.stringify(asked.map(({ headers }) => headers))).not.toContain(TOKEN);
  });

  test('a monitor that is ahead of the copy of the log that the client asks: no alarm', async () => {
    const [seen, watched] = (await forkedLogs(300, [[], ['b']])) as [ServedLog, ServedLog];
    const { client } = await parties(seen, watched);
    await client.checkpoint();
    await expect(client.gossip(MONITOR)).rejects.toMatchObject({ code: 'beyond_log_head' });
  });

  test('what is no monitor is told', async () => {
    const [seen] = (await forkedLogs(3, [['a']])) as [ServedLog];
    const fetch: Fetch = async (url, init) =>
      url.startsWith(MONITOR) ? Response.json({}) : seen.fetch(url, init);
    await expect(seen.client({ fetch }).gossip(MONITOR)).rejects.toMatchObject({ code: 'malformed_answer' });
  });
});
