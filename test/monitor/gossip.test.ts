import { request } from 'node:http';
import { describe, expect, test } from 'vitest';
import type { Fetch } from '../../src/client/bounded-fetch.ts';
import { TlogError } from '../../src/core/error.ts';
import { evidenceOfRoots, formatEvidence } from '../../src/core/evidence/evidence.ts';
import { parseVerifierKey } from '../../src/core/note/key.ts';
import { formatSignatureLine, NOTE_BYTES_MAX } from '../../src/core/note/signed-note.ts';
import { createMonitorApp } from '../../src/http/monitor-app.ts';
import { startServer } from '../../src/http/server.ts';
import { Gossip } from '../../src/monitor/gossip.ts';
import { GOSSIP_ANSWER_BYTES_MAX, GOSSIP_BYTES_MAX } from '../../src/monitor/gossip-text.ts';
import { originHash } from '../../src/witness/witness-record.ts';
import { testSigner } from '../support/growing-log.ts';
import { type MonitorDesk, openDesk } from '../support/monitor-desk.ts';
import { History, signedHead, TileLog, type View } from '../support/tile-log.ts';
import { HandClock } from '../support/witness-desk.ts';

const log = new TileLog(testSigner('log.example/main'));
const key = parseVerifierKey(log.signer.vkey);
const main = new History(700);
const other = new History(700, { from: 100, name: 'other' });
const ORIGIN = 'log.example/main';
const GOSSIP = '/gossip/v1/checkpoints';
/** A line of nobody known, which makes of a note one of the longest. */
const PAD = formatSignatureLine({ name: 'x', keyId: 1, signature: new Uint8Array(0.749 * NOTE_BYTES_MAX) });

interface Party extends MonitorDesk {
  readonly gossip: Gossip;
  readonly app: ReturnType<typeof createMonitorApp>;
  readonly troubles: string[];
  view: View;
  post(body: string): Promise<Response>;
}

/** A monitor that sees `view`, its heads with `pad` behind, at http://<name>.example; peers are reached through `parties`. */
async function party(
  name: string,
  view: View,
  parties: Record<string, Party>,
  peers: readonly string[],
  pad = '',
): Promise<Party> {
  const troubles: string[] = [];
  const seen = { view };
  const followed = { origin: ORIGIN, trust: { vkey: log.signer.vkey }, mirror: true };
  const desk = await openDesk(followed, async (url) => {
    const answer = await log.answer(seen.view, url);
    return url.endsWith('/checkpoint') ? new Response((await answer.text()) + pad) : answer;
  });
  const fetch: Fetch = async (url, init) => {
    const found = parties[new URL(url).hostname.replace('.example', '')];
    if (found === undefined) throw new TypeError('nobody there');
    return found.app.request(url, init);
  };
  const urls = peers.map((peer) => `http://${peer}.example`);
  const gossip = new Gossip({
    ...{
      monitor: desk.monitor,
      clock: desk.clock,
      peers: urls,
      witnesses: [],
      gossipMs: 1_000,
      keys: [key],
      fetch,
    },
    onTrouble: (peer, { code }) => troubles.push(`${peer} ${code}`),
  });
  const alerter = { status: [] } as unknown as Parameters<typeof createMonitorApp>[0]['alerter'];
  const app = createMonitorApp({ monitor: desk.monitor, gossip, alerter });
  const post = async (body: string): Promise<Response> => app.request(GOSSIP, { method: 'POST', body });
  const made: Party = Object.assign(desk, { gossip, app, troubles, post, view });
  Object.defineProperty(made, 'view', {
    set: (next: View) => void Object.assign(seen, { view: next }),
    get: () => seen.view,
  });
  parties[name] = made;
  await desk.round();
  return made;
}

const kinds = ({ reported }: Party): string[] => reported.map(({ kind }) => kind);

describe('GOSSIP-1 the interface', () => {
  test('GET gives the verified heads; POST compares each note and gives them, too', async () => {
    const a = await party('a', { history: main, size: 300 }, {}, []);
    const own = await log.note({ history: main, size: 300 });
    expect(await (await a.app.request(GOSSIP)).json()).toEqual({ checkpoints: [own] });
    const sent = [
      await log.note({ history: main, size: 200 }),
      await log.note({ history: other, size: 300 }),
      await signedHead(testSigner('log.example/b'), 1, main.root(1)),
      await signedHead(testSigner(ORIGIN, 2), 1, main.root(1)),
      'no note',
    ];
    const answer = await (await a.post(JSON.stringify({ checkpoints: sent }))).json();
    expect(answer).toEqual({
      results: [
        { origin: ORIGIN, size: 200, outcome: 'prefix' },
        { origin: ORIGIN, size: 300, outcome: 'fork', evidence: expect.stringContaining('two-roots') },
        { code: 'unknown_origin' },
        { code: 'untrusted_checkpoint' },
        { code: 'malformed_note' },
      ],
      checkpoints: [own],
    });
    expect([a.monitor.told(ORIGIN), a.monitor.told('log.example/b')]).toEqual([['fork'], []]);
  });

  test.each<[string, string, number, string]>([
    ['no JSON', '{', 400, 'invalid_json'],
    ['no list', '{"checkpoints":1}', 400, 'invalid_json'],
    ['no texts', '{"checkpoints":[1]}', 400, 'invalid_json'],
    [
      '101 notes',
      JSON.stringify({ checkpoints: Array.from({ length: 101 }, () => '') }),
      400,
      'invalid_json',
    ],
    [
      'more than 2 MiB',
      JSON.stringify({ checkpoints: ['a'.repeat(GOSSIP_BYTES_MAX)] }),
      413,
      'body_too_large',
    ],
  ])('%s is refused', async (_, body, status, code) => {
    const a = await party('a', { history: main, size: 300 }, {}, []);
    const answer = await a.post(body);
    expect([answer.status, (await answer.json()).code]).toEqual([status, code]);
  });

  test('of many forks of a log that pads its heads each is told, and evidence given as far as there is room', async () => {
    const a = await party('a', { history: main, size: 300 }, {}, [], PAD);
    const forks = Array.from({ length: 20 }, (_, i) => new History(300, { from: 100, name: `fork ${i}` }));
    const notes = await Promise.all(forks.map((history) => log.note({ history, size: 300 })));
    const text = await (await a.post(JSON.stringify({ checkpoints: notes }))).text();
    const { results }: { results: { outcome: string; evidence?: string }[] } = JSON.parse(text);
    expect(results.map(({ outcome }) => outcome)).toEqual(forks.map(() => 'fork'));
    expect(results.filter(({ evidence }) => evidence !== undefined)).toEqual(results.slice(0, 4));
    expect(text.length).toBeLessThan(GOSSIP_ANSWER_BYTES_MAX);
  });

  /** A monitor that keeps no leaf hashes, whose log gives them as `leaves` does; what was asked of it so far. */
  const withLeaves = async (
    leaves: (url: string, init: RequestInit) => Promise<Response>,
    askingMs?: number,
  ): Promise<{
    desk: MonitorDesk;
    gossip: Gossip;
    asked: string[];
    answer: (sizes: readonly number[]) => ReturnType<Gossip['answer']>;
  }> => {
    const asked: string[] = [];
    const state = { isAsked: false };
    const settings = { origin: ORIGIN, trust: { vkey: log.signer.vkey }, timeoutMs: 3_600_000 };
    const desk = await openDesk(settings, (url, init) => {
      if (!state.isAsked || !url.includes('/tile/0/')) return log.answer({ history: main, size: 700 }, url);
      asked.push(url);
      return leaves(url, init);
    });
    await desk.round();
    state.isAsked = true;
    const gossip = new Gossip({
      ...{ monitor: desk.monitor, clock: desk.clock, peers: [], witnesses: [], gossipMs: 1, keys: [key] },
      ...{ fetch: () => Promise.reject(new TypeError('nobody')), onTrouble: () => undefined },
      ...(askingMs === undefined ? {} : { askingMs }),
    });
    const answer = async (sizes: readonly number[]): ReturnType<Gossip['answer']> => {
      const checkpoints = await Promise.all(sizes.map((size) => log.note({ history: main, size })));
      return gossip.answer(new TextEncoder().encode(JSON.stringify({ checkpoints })));
    };
    return { desk, gossip, asked, answer };
  };
  const hanging = (_: string, { signal }: RequestInit): Promise<Response> =>
    new Promise((__, reject) =>
      signal?.addEventListener('abort', () => reject(signal.reason), { once: true }),
    );
  const outcomesOf = ({ results }: Awaited<ReturnType<Gossip['answer']>>): string[] =>
    results.map((result) => ('outcome' in result ? result.outcome : result.code));
  const sizes = Array.from({ length: 100 }, (_, i) => 2 * i + 1);

  test('GOSSIP-3 a log that drips leaf hashes is asked once for a hundred heads, and the nearest are kept like any other', async () => {
    const { desk, asked, answer } = await withLeaves(hanging, 20);
    const outcomes = outcomesOf(await answer(sizes));
    expect(new Set(outcomes.slice(0, 16))).toEqual(new Set(['ahead']));
    expect(new Set(outcomes.slice(16))).toEqual(new Set(['server_busy']));
    expect([asked.length, desk.monitor.known().length]).toEqual([1, 1 + 8]);
  });

  test('GOSSIP-3 of many heads that need leaf hashes sixteen are compared, the others are not kept', async () => {
    const { desk, asked, answer } = await withLeaves((url) => log.answer({ history: main, size: 700 }, url));
    // One that is ahead, and one that the own tiles tell of, need none.
    const outcomes = outcomesOf(await answer([...sizes.slice(0, 98), 512, 699]));
    expect(outcomes).toEqual([
      ...Array.from({ length: 16 }, () => 'prefix'),
      ...Array.from({ length: 82 }, () => 'server_busy'),
      ...['prefix', 'prefix'],
    ]);
    expect([asked.length, desk.monitor.known().length]).toEqual([16, 1]);
  });

  test('a monitor that stops answers at once who waits for a slow log', async () => {
    let onAsked: () => void = () => undefined;
    const isAsked = new Promise<void>((resolve) => {
      onAsked = resolve;
    });
    const { gossip, answer } = await withLeaves((url, init) => {
      onAsked();
      return hanging(url, init);
    }, 3_600_000);
    const answered = answer([3]);
    await isAsked;
    await gossip.close();
    expect(outcomesOf(await answered)).toEqual(['ahead']);
  });

  test('one log does not wait for another', async () => {
    const heard: string[] = [];
    let go: () => void = () => undefined;
    const last = new Promise<void>((resolve) => {
      go = resolve;
    });
    const monitor = {
      heads: () => [],
      hear: async (note: string) => {
        if (note.startsWith('slow')) await last;
        heard.push(note);
        if (note === 'quick\n2') go();
        return {};
      },
    } as unknown as MonitorDesk['monitor'];
    const gossip = new Gossip({
      ...{ monitor, clock: new HandClock(), peers: [], witnesses: [], gossipMs: 1, keys: [] },
      ...{ fetch: () => Promise.reject(new TypeError('nobody')), onTrouble: () => undefined },
    });
    const checkpoints = ['slow\n1', 'quick\n1', 'slow\n2', 'quick\n2'];
    await gossip.answer(new TextEncoder().encode(JSON.stringify({ checkpoints })));
    expect(heard).toEqual(['quick\n1', 'quick\n2', 'slow\n1', 'slow\n2']);
  });

  test('GOSSIP-3 more than five a second, ten seconds at once, are refused', async () => {
    const a = await party('a', { history: main, size: 300 }, {}, []);
    const statuses: number[] = [];
    for (let i = 0; i < 51; i += 1) statuses.push((await a.post('{"checkpoints":[]}')).status);
    expect(statuses.filter((status) => status === 200)).toHaveLength(50);
    expect(statuses.at(-1)).toBe(429);
    expect((await a.app.request(GOSSIP)).status).toBe(429);
    a.clock.pass(400);
    expect((await a.post('{"checkpoints":[]}')).status).toBe(200);
    expect((await a.app.request(GOSSIP)).status).toBe(200);
  });

  test('GOSSIP-3 one address takes no request of another', async () => {
    const { app } = await party('a', { history: main, size: 300 }, {}, []);
    await using server = await startServer(app, { hostname: '127.0.0.1', port: 0 });
    const get = (localAddress: string): Promise<number | undefined> =>
      new Promise((resolve, reject) => {
        const { port } = server;
        const made = request({ port, path: GOSSIP, localAddress, host: '127.0.0.1' }, (answer) => {
          answer.resume().on('end', () => resolve(answer.statusCode));
        });
        made.on('error', reject).end();
      });
    for (let i = 0; i < 50; i += 1) expect(await get('127.0.0.1')).toBe(200);
    expect([await get('127.0.0.1'), await get('127.0.0.2')]).toEqual([429, 200]);
  });

  test.each([
    ['DELETE', GOSSIP, 405, 'method_not_allowed'],
    ['GET', '/none', 404, 'not_found'],
    ['GET', `/${'0'.repeat(64)}/checkpoint`, 404, 'unknown_origin'],
    ['GET', `/${originHash(ORIGIN)}/tile/0/001.p/45`, 404, 'beyond_log_head'],
    ['GET', `/${originHash(ORIGIN)}/tile/0/1`, 400, 'malformed_tile_path'],
  ])('%s %s is %i', async (method, path, status, code) => {
    const a = await party('a', { history: main, size: 300 }, {}, []);
    const answer = await a.app.request(path, { method });
    expect([answer.status, (await answer.json()).code]).toEqual([status, code]);
  });
});

describe('GOSSIP-2 two monitors', () => {
  test.each<[string, View, View]>([
    ['of one size', { history: main, size: 300 }, { history: other, size: 300 }],
    ['the one that asks ahead', { history: main, size: 400 }, { history: other, size: 300 }],
    ['the one that is asked ahead', { history: main, size: 300 }, { history: other, size: 400 }],
  ])('%s, shown two histories: both have the evidence after one exchange', async (_, first, second) => {
    const parties: Record<string, Party> = {};
    const b = await party('b', second, parties, []);
    const a = await party('a', first, parties, ['b']);
    await a.gossip.exchange();
    const grown = (view: View): View => ({ history: view.history, size: 500 });
    // Who is behind compares once the own view has grown.
    [a.view, b.view] = [grown(first), grown(second)];
    await Promise.all([a.round(), b.round()]);
    expect(kinds(a)).toContain('fork');
    expect(kinds(b)).toContain('fork');
    expect(new Set([...kinds(a), ...kinds(b)])).toEqual(new Set(['fork']));
  });

  test('a log that pads its heads as far as it can is convicted like any other', async () => {
    const parties: Record<string, Party> = {};
    const b = await party('b', { history: other, size: 300 }, parties, [], PAD);
    const a = await party('a', { history: main, size: 300 }, parties, ['b'], PAD);
    await a.gossip.exchange();
    expect([new Set(kinds(a)), kinds(b), a.troubles]).toEqual([new Set(['fork']), ['fork'], []]);
  });

  test('that see one history say nothing, whoever is ahead', async () => {
    const parties: Record<string, Party> = {};
    const b = await party('b', { history: main, size: 400 }, parties, []);
    const a = await party('a', { history: main, size: 300 }, parties, ['b']);
    await a.gossip.exchange();
    await Promise.all([a.round(), b.round()]);
    a.view = { history: main, size: 500 };
    await a.round();
    await a.gossip.exchange();
    await Promise.all([a.round(), b.round()]);
    expect([kinds(a), kinds(b), a.troubles]).toEqual([[], [], []]);
  });

  test('what one could not compare goes on to others', async () => {
    const parties: Record<string, Party> = {};
    const c = await party('c', { history: other, size: 300 }, parties, []);
    const a = await party('a', { history: main, size: 400 }, parties, []);
    const b = await party('b', { history: main, size: 50 }, parties, ['c', 'a']);
    await b.gossip.exchange();
    await b.gossip.exchange();
    expect([kinds(a), kinds(c)]).toEqual([['fork'], expect.anything()]);
  });
});

describe('GOSSIP-2 a witness', () => {
  /** A monitor of one log, and a witness that has `note` for it, or nothing. */
  const withWitness = async (
    note: string | undefined,
  ): Promise<Party & { exchange: () => Promise<void> }> => {
    const a = await party('a', { history: main, size: 300 }, {}, []);
    const asked: string[] = [];
    const fetch: Fetch = async (url) => {
      asked.push(url);
      return note === undefined ? new Response('none', { status: 404 }) : new Response(note);
    };
    const gossip = new Gossip({
      ...{ monitor: a.monitor, clock: a.clock, peers: [], witnesses: ['http://w.example'], gossipMs: 1 },
      ...{ keys: [key], fetch, onTrouble: (_: string, { code }: TlogError) => a.troubles.push(code) },
    });
    await gossip.exchange();
    expect(asked).toEqual([`http://w.example/${originHash(ORIGIN)}/checkpoint`]);
    return Object.assign(a, { exchange: () => gossip.exchange() });
  };

  test.each<[string, View | undefined, readonly string[]]>([
    ['that has cosigned the same history', { history: main, size: 200 }, []],
    ['that has cosigned another history', { history: other, size: 200 }, ['fork']],
    ['that has cosigned nothing', undefined, []],
  ])('%s', async (_, view, expected) => {
    const a = await withWitness(view === undefined ? undefined : await log.note(view));
    expect([kinds(a), a.troubles]).toEqual([expected, []]);
  });
});

test('GOSSIP-2 a log whose head a witness does not give stops no other', async () => {
  const asked: string[] = [];
  const troubles: string[] = [];
  const origins = ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h', 'i', 'j', 'k'];
  const heard: string[] = [];
  const monitor = {
    known: () => [],
    status: () => origins.map((origin) => ({ origin })),
    hear: async (note: string) => void heard.push(note),
  } as unknown as MonitorDesk['monitor'];
  const gossip = new Gossip({
    ...{ monitor, clock: new HandClock(), peers: [], witnesses: ['http://w.example'], gossipMs: 1, keys: [] },
    fetch: async (url) => {
      asked.push(url);
      if (url.includes(originHash('a'))) throw new TypeError('reset');
      return url.includes(originHash('b')) ? new Response('', { status: 500 }) : new Response('note');
    },
    onTrouble: (peer, { code }) => troubles.push(`${peer} ${code}`),
  });
  await gossip.exchange();
  expect([asked.length, heard.length, troubles]).toEqual([11, 9, ['http://w.example unreachable']]);
});

describe('GOSSIP-4 a peer is not believed', () => {
  const lies = async (answer: unknown): Promise<Party> => {
    const parties: Record<string, Party> = {};
    const a = await party('a', { history: main, size: 300 }, parties, ['b']);
    const app = { request: async () => Response.json(answer) };
    parties['b'] = { app } as unknown as Party;
    await a.gossip.exchange();
    return a;
  };

  test.each<[string, unknown, string]>([
    ['no answer of ours', { a: 1 }, 'malformed_answer'],
    ['evidence that is none', { results: [{ evidence: '{}' }], checkpoints: [] }, 'malformed_evidence'],
    ['101 notes', { results: [], checkpoints: Array.from({ length: 101 }, () => '') }, 'malformed_answer'],
  ])('%s is told, and nobody is accused', async (_, answer, code) => {
    const a = await lies(answer);
    expect([a.troubles, kinds(a)]).toEqual([[`http://b.example ${code}`], []]);
  });

  test('evidence of two honest notes accuses nobody', async () => {
    const notes = [
      await log.note({ history: main, size: 100 }),
      await log.note({ history: main, size: 300 }),
    ];
    const evidence = JSON.stringify({ format: 'fork-evidence/1', accused: 'log', kind: 'two-roots', notes });
    const a = await lies({ results: [{ evidence }], checkpoints: [] });
    expect([a.troubles, kinds(a)]).toEqual([['http://b.example not_convicting'], []]);
  });

  test('notes that no followed log has signed are passed over', async () => {
    const checkpoints = ['x', await signedHead(testSigner(ORIGIN, 2), 300, other.root(300))];
    const a = await lies({ results: [], checkpoints });
    expect([a.troubles, kinds(a)]).toEqual([[], []]);
  });

  test('what convicts nobody hides nothing of what stands behind it', async () => {
    const views = [main, other].map((history) => log.note({ history, size: 200 }));
    const evidence = formatEvidence(evidenceOfRoots(...((await Promise.all(views)) as [string, string])));
    const checkpoints = [await log.note({ history: other, size: 300 })];
    const a = await lies({ results: [{ evidence: '{}' }, { evidence }], checkpoints });
    expect(a.troubles).toEqual(['http://b.example malformed_evidence']);
    expect(a.reported.map(({ kind, sizes }) => [kind, sizes])).toEqual([
      ['fork', [200, 200]],
      ['fork', [300]],
    ]);
  });

  test('nobody there is told', async () => {
    const a = await party('a', { history: main, size: 300 }, {}, ['b']);
    await a.gossip.exchange();
    expect([a.troubles, kinds(a)]).toEqual([['http://b.example unreachable'], []]);
  });

  test('an own bug is not passed over', async () => {
    const a = await party('a', { history: main, size: 300 }, {}, []);
    const monitor = Object.assign(Object.create(a.monitor), {
      hear: () => Promise.reject(new RangeError('bug')),
      heads: () => [],
    });
    const gossip = new Gossip({
      ...{ monitor, clock: a.clock, peers: [], witnesses: [], gossipMs: 1, keys: [key] },
      fetch: () => Promise.reject(new TlogError('unreachable', '')),
      onTrouble: () => undefined,
    });
    await expect(gossip.answer(new TextEncoder().encode('{"checkpoints":["a"]}'))).rejects.toThrow('bug');
  });

  test('what ends the process is handed on by the exchanges, which nobody awaits', async () => {
    const a = await party('a', { history: main, size: 300 }, {}, []);
    const fatal = new TlogError('commit_unknown', 'full');
    const monitor = {
      known: () => [],
      hear: () => Promise.reject(fatal),
    } as unknown as MonitorDesk['monitor'];
    await using gossip = new Gossip({
      ...{ monitor, clock: a.clock, peers: ['http://b.example'], witnesses: [], gossipMs: 1, keys: [key] },
      fetch: async () => Response.json({ results: [], checkpoints: ['a'] }),
      onTrouble: () => undefined,
    });
    gossip.start();
    expect(await gossip.failed).toBe(fatal);
  });
});

describe('MONITOR-8 a read mirror', () => {
  test('serves every tile and bundle of the verified tree, and no more', async () => {
    const a = await party('a', { history: main, size: 300 }, {}, []);
    a.view = { history: main, size: 600 };
    await a.round();
    const get = async (path: string): Promise<Uint8Array> => {
      const answer = await a.app.request(`/${originHash(ORIGIN)}/${path}`);
      expect([path, answer.status]).toEqual([path, 200]);
      return new Uint8Array(await answer.arrayBuffer());
    };
    const same = async (path: string): Promise<void> => {
      const honest = await log.answer({ history: main, size: 600 }, `http://a/${path}`);
      expect(Buffer.from(await get(path))).toEqual(Buffer.from(await honest.arrayBuffer()));
    };
    const paths = [
      'tile/0/000',
      'tile/0/001.p/44',
      'tile/0/002.p/88',
      'tile/0/002.p/1',
      'tile/1/000.p/2',
      'checkpoint',
    ];
    for (const path of [
      ...paths,
      'tile/entries/000',
      'tile/entries/001',
      'tile/entries/002.p/88',
      'tile/entries/002.p/3',
    ])
      await same(path);
    for (const path of [
      'tile/0/002.p/89',
      'tile/0/003.p/1',
      'tile/1/000.p/3',
      'tile/2/000.p/1',
      'tile/entries/002',
    ])
      expect((await a.app.request(`/${originHash(ORIGIN)}/${path}`)).status).toBe(404);
  });
});
