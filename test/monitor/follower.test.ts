import { setImmediate as nextTurn } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import { parseEvidence } from '../../src/core/evidence/evidence.ts';
import { judgeEvidence } from '../../src/core/evidence/judge.ts';
import { COSIGNATURE_V1, parseVerifierKey } from '../../src/core/note/key.ts';
import { parsePolicy } from '../../src/core/note/policy.ts';
import type { NoteSigner } from '../../src/core/note/verifier.ts';
import { createCosigner } from '../../src/keys/cosigner.ts';
import { generateSigningKey } from '../../src/keys/generate.ts';
import type { Observation } from '../../src/monitor/observation.ts';
import { ed25519Verify } from '../../src/runtime/ed25519.ts';
import { nodeHasher } from '../../src/runtime/node-hasher.ts';
import { testSigner } from '../support/growing-log.ts';
import { type MonitorDesk, monitorMemory, openDesk } from '../support/monitor-desk.ts';
import { History, problem, signedHead, TileLog, type View } from '../support/tile-log.ts';
import { HandClock } from '../support/witness-desk.ts';

const log = new TileLog(testSigner('log.example/main'));
const trust = { origin: 'log.example/main', trust: { vkey: log.signer.vkey } };
const main = new History(70_000);
const other = new History(700, { from: 100, name: 'other' });

const PROOF_URL = 'http://a/proofs/consistency?from=300&to=600';

type Lie = (path: string, honest: () => Promise<Response>) => Promise<Response> | Response;
const honest: Lie = (_, answer) => answer();

/** A monitor of a log that shows `desk.view` and lies by `desk.lie`. */
async function following(
  first: View,
  {
    memory = monitorMemory(),
    ...settings
  }: Partial<Parameters<typeof openDesk>[0]> & { memory?: ReturnType<typeof monitorMemory> } = {},
): Promise<MonitorDesk & { show: (view: View, lie?: Lie) => void; asked: string[] }> {
  let view = first;
  let lie = honest;
  const asked: string[] = [];
  const desk = await openDesk(
    { ...trust, ...settings },
    async (url) => {
      const path = new URL(url).pathname.slice(1);
      asked.push(path);
      return lie(path, () => log.answer(view, url));
    },
    memory,
  );
  const show = (next: View, nextLie: Lie = honest): void => {
    view = next;
    lie = nextLie;
  };
  return { ...desk, show, asked };
}

const sizeOf = ({ monitor }: MonitorDesk): number | undefined => monitor.status()[0]?.size;

/** Who is convicted by what was observed, with the log's key alone. */
async function convicted(observation: Observation | undefined): Promise<string> {
  const evidence = parseEvidence(observation?.evidence ?? '');
  const keys = [parseVerifierKey(log.signer.vkey)];
  const { kind } = await judgeEvidence(nodeHasher, evidence, { keys, ed25519: ed25519Verify });
  return kind;
}

describe('MONITOR-1 an honest log', () => {
  test.each([
    [[0, 1, 2]],
    [[1, 255, 256, 257]],
    [[0, 256, 512, 65_536]],
    [[3, 65_535, 65_537, 70_000]],
    [[255, 255, 511, 700]],
  ])('is followed through sizes %j without a word, over restarts too', async (sizes) => {
    const memory = monitorMemory();
    for (const size of sizes) {
      const desk = await following({ history: main, size }, { memory });
      expect(await desk.round()).toEqual([]);
      expect([sizeOf(desk), desk.monitor.status()[0]?.rootHash]).toEqual([size, main.root(size)]);
    }
  });

  test('what is not new is not read again: 300 entries more take two bundles and the edge', async () => {
    const desk = await following({ history: main, size: 1_000 });
    await desk.round();
    desk.asked.length = 0;
    desk.show({ history: main, size: 1_300 });
    expect(await desk.round()).toEqual([]);
    expect(desk.asked.filter((path) => path.startsWith('tile/entries/')).sort()).toEqual([
      'tile/entries/003',
      'tile/entries/004',
      'tile/entries/005.p/20',
    ]);
    expect(desk.asked.length).toBeLessThan(10);
  });
});

describe('MONITOR-3 what a catch-up holds', () => {
  /** The most bundles that were asked for and not answered yet. */
  async function mostAtOnce(entryBytes: number, size: number): Promise<number> {
    const history = new History(Array.from({ length: size }, () => new Uint8Array(entryBytes)));
    const desk = await following({ history, size });
    let [open, most] = [0, 0];
    desk.show({ history, size }, async (path, answer) => {
      if (!path.startsWith('tile/entries/')) return answer();
      open += 1;
      most = Math.max(most, open);
      await nextTurn();
      open -= 1;
      return answer();
    });
    expect(await desk.round()).toEqual([]);
    expect(sizeOf(desk)).toBe(size);
    return most;
  }

  test.each([
    [3, 12 * 256, 7],
    [16_384, 4 * 256, 2],
    [65_535, 3 * 256, 1],
  ])('bundles of entries of %i bytes are read ahead by their bytes: %i entries, %i bundles at once', async (bytes, size, atOnce) => {
    expect(await mostAtOnce(bytes, size)).toBe(atOnce);
  });
});

const wrongBytes: Lie = async (path, answer) => {
  if (!path.startsWith('tile/entries/')) return answer();
  const bytes = new Uint8Array(await (await answer()).arrayBuffer());
  bytes[2] = (bytes[2] ?? 0) ^ 1;
  return new Response(bytes);
};
const on = (part: string, lie: (honest: () => Promise<Response>) => Promise<Response> | Response): Lie => {
  return (path, answer) => (path.includes(part) ? lie(answer) : answer());
};

describe('MONITOR-2 what a lying log comes to', () => {
  const grown: View = { history: main, size: 600 };
  test.each<[string, View, Lie, Observation['kind'], object]>([
    ['another root of the same size', { history: other, size: 300 }, honest, 'fork', { sizes: [300] }],
    [
      'a larger tree of another history',
      { history: other, size: 600 },
      honest,
      'fork',
      { sizes: [300, 600] },
    ],
    ['a smaller tree', { history: main, size: 200 }, honest, 'rollback', {}],
    [
      'a head that nobody has signed',
      grown,
      on('checkpoint', () => new Response('a\n1\nb\n')),
      'bad_signature',
      {},
    ],
    [
      'a head without end',
      grown,
      on('checkpoint', () => new Response(new Uint8Array(1_100_000))),
      'bad_signature',
      {},
    ],
    ['entries that are not those of the tree', grown, wrongBytes, 'bad_entry', { index: 256, sizes: [600] }],
    ['a bundle that is none', grown, on('entries/', () => new Response('x')), 'bad_tile', { sizes: [600] }],
    [
      'a tile of other hashes',
      grown,
      on('tile/0/002', () => new Response(new Uint8Array(88 * 32))),
      'bad_tile',
      {},
    ],
    [
      'a tile of another length',
      grown,
      on('tile/1/', () => new Response(new Uint8Array(32))),
      'bad_tile',
      {},
    ],
    [
      'a bundle that is hidden',
      grown,
      on('entries/001', () => problem(404, 'not_found')),
      'no_proof',
      { sizes: [600] },
    ],
    ['a tile that is hidden', grown, on('tile/1/', () => problem(404, 'not_found')), 'no_proof', {}],
  ])('%s', async (_, view, lie, kind, facts) => {
    const desk = await following({ history: main, size: 300 });
    expect(await desk.round()).toEqual([]);
    desk.show(view, lie);
    const [found, ...more] = await desk.round();
    expect(more).toEqual([]);
    expect(found).toMatchObject({ kind, ...facts });
    if (kind === 'fork') expect(await convicted(found)).toMatch(/two-roots|not-a-prefix/);
    expect(sizeOf(desk)).toBe(300);
    desk.show(grown);
    expect(await desk.round()).toEqual([]);
    expect(sizeOf(desk)).toBe(600);
  });

  test('a smaller tree of another history is a rollback, and a fork once the log gives the leaf hashes to show it', async () => {
    const desk = await following({ history: main, size: 300 });
    await desk.round();
    desk.show({ history: other, size: 200 });
    expect(await desk.round()).toMatchObject([{ kind: 'rollback' }]);
    desk.show({ history: main, size: 600 });
    const [found] = await desk.round();
    expect(found).toMatchObject({ kind: 'fork', sizes: [200, 600] });
    expect(await convicted(found)).toBe('not-a-prefix');
  });

  test('an empty tree that is not empty convicts', async () => {
    const note = await signedHead(log.signer, 0, main.root(1));
    const desk = await following({ history: main, size: 1 });
    desk.show(
      { history: main, size: 1 },
      on('checkpoint', () => new Response(note)),
    );
    const [found] = await desk.round();
    expect([found?.kind, await convicted(found)]).toEqual(['fork', 'empty-root']);
  });

  test('what rots in the middle of a large tree is named by its index and both hashes', async () => {
    const desk = await following({ history: main, size: 66_000 });
    desk.show(
      { history: main, size: 66_000 },
      on('entries/255', async (answer) => wrongBytes('tile/entries/', answer)),
    );
    const [found] = await desk.round();
    expect(found).toMatchObject({ kind: 'bad_entry', index: 65_280 });
    expect(found?.expectedHash).toBe(Buffer.from(main.node(0, 65_280)).toString('base64'));
    expect(found?.actualHash).not.toBe(found?.expectedHash);
  });

  test('a log that shows a second tree in parts that fit is found by its prefix, whatever it serves of the first', async () => {
    const desk = await following({ history: main, size: 300 });
    await desk.round();
    desk.show({ history: other, size: 600 }, async (path, answer) =>
      path.startsWith('tile/entries/000')
        ? log.answer({ history: main, size: 600 }, `http://a/${path}`)
        : answer(),
    );
    const [found] = await desk.round();
    expect([found?.kind, await convicted(found)]).toEqual(['fork', 'not-a-prefix']);
  });
});

describe('MONITOR-5 a silence is no fork', () => {
  test.each<[string, Lie]>([
    ['a broken connection', () => Promise.reject(new TypeError('reset'))],
    ['an error of the server', () => problem(500, 'internal')],
    ['a server that is busy', () => problem(503, 'server_busy')],
    ['a server that says fork', () => problem(500, 'fork')],
    ['a checkpoint that is gone', on('checkpoint', () => problem(404, 'not_found'))],
    ['tiles that do not come', on('tile/', () => Promise.reject(new TypeError('reset')))],
    ['an answer that never ends', on('tile/0', () => new Response(new ReadableStream()))],
  ])('%s: nothing at first, unreachable after five minutes, and told again only then', async (_, lie) => {
    const desk = await following({ history: main, size: 300 }, { timeoutMs: 200 });
    await desk.round();
    desk.show({ history: main, size: 600 }, lie);
    expect(await desk.round()).toEqual([]);
    expect(desk.monitor.status()[0]?.unanswered).toBeDefined();
    desk.clock.pass(299_999);
    expect(await desk.round()).toEqual([]);
    desk.clock.pass(1);
    expect(await desk.round()).toMatchObject([{ kind: 'unreachable' }]);
    desk.show({ history: main, size: 600 });
    expect(await desk.round()).toEqual([]);
    expect(desk.monitor.status()[0]?.unanswered).toBeUndefined();
  });
});

describe('MONITOR-6 witnesses and time', () => {
  const witness = createCosigner(
    generateSigningKey((n) => new Uint8Array(n).fill(3), 'w.example', COSIGNATURE_V1).skey,
  );
  const cosigner = { cosign: (text: string, timeSec: number) => witness.cosign(text, timeSec) };
  const policy = parsePolicy(`log ${log.signer.vkey}\nwitness w ${witness.vkey}\nquorum w\n`);
  const note = (size: number, timeSec?: number): Promise<string> =>
    signedHead(log.signer, size, main.root(size), timeSec === undefined ? [] : [cosigner], timeSec);

  async function cosigned(staleSec?: number) {
    const stale = staleSec === undefined ? {} : { staleSec };
    const desk = await following(
      { history: main, size: 9 },
      { trust: { policy, origin: trust.origin }, ...stale },
    );
    const nowSec = desk.clock.ms / 1_000;
    const shows = async (size: number, timeSec?: number): Promise<readonly Observation[]> => {
      const text = await note(size, timeSec);
      desk.show(
        { history: main, size },
        on('checkpoint', () => new Response(text)),
      );
      return desk.round();
    };
    return { desk, nowSec, shows };
  }

  test('a head without its quorum is told, and followed', async () => {
    const { desk, shows } = await cosigned();
    expect(await shows(9)).toMatchObject([{ kind: 'missing_witnesses' }]);
    expect(sizeOf(desk)).toBe(9);
  });

  test('freshness is the time of the cosignature; a refresh of the same size renews it', async () => {
    const { desk, nowSec, shows } = await cosigned(100);
    expect(await shows(9, nowSec - 100)).toEqual([]);
    desk.clock.pass(1_000);
    expect(await desk.round()).toMatchObject([{ kind: 'stale_head', sizes: [9] }]);
    expect(await shows(9, nowSec)).toEqual([]);
    expect(desk.monitor.status()[0]?.timeSec).toBe(nowSec);
    expect(await shows(9, nowSec - 50)).toEqual([]);
    expect(desk.monitor.status()[0]?.timeSec).toBe(nowSec);
  });

  test('a log that drips its entries puts off no alarm: what is verified gets stale meanwhile, and that is told', async () => {
    const desk = await following({ history: main, size: 9 }, { staleSec: 600 });
    await desk.round();
    let toldAt = 0;
    desk.show({ history: main, size: 70_000 }, (path, answer) => {
      if (path.startsWith('tile/entries/')) desk.clock.pass(20_000);
      if (desk.reported.length > 0 && toldAt === 0) toldAt = desk.asked.length;
      return answer();
    });
    const before = desk.asked.length;
    expect(await desk.round()).toMatchObject([
      { kind: 'stale_head', sizes: [9] },
      { kind: 'stale_head', sizes: [70_000] },
    ]);
    expect([toldAt > before, toldAt < before + 70]).toEqual([true, true]);
    expect(sizeOf(desk)).toBe(70_000);
  });

  test('a cosignature from the future is as old as when it was first seen: it hides no freeze, however often it is shown', async () => {
    const { desk, nowSec, shows } = await cosigned(100);
    for (const ahead of [1_000_000, 1_000_001]) {
      expect(await shows(9, nowSec + ahead)).toMatchObject([{ kind: 'clock_skew' }]);
      expect(desk.monitor.status()[0]?.timeSec).toBe(desk.clock.ms / 1_000);
      desk.clock.pass(1_000);
    }
    desk.clock.pass(100_000);
    for (const ahead of [1_000_000, 1_000_001, 1_000_000])
      expect((await shows(9, nowSec + ahead)).map(({ kind }) => kind)).toEqual(['clock_skew', 'stale_head']);
    expect(await shows(9, nowSec + 1_000_002)).toMatchObject([{ kind: 'clock_skew' }]);
    expect(desk.monitor.status()[0]?.timeSec).toBe(nowSec + 102);
  });

  test('a head of a time that this clock has not reached is told, for it would be fresh until then', async () => {
    const memory = monitorMemory();
    const first = await following({ history: main, size: 9 }, { memory, staleSec: 100 });
    first.clock.pass(1_000_000);
    expect(await first.round()).toEqual([]);
    const later = await following({ history: main, size: 9 }, { memory, staleSec: 100 });
    expect(await later.round()).toMatchObject([{ kind: 'clock_skew', sizes: [9] }]);
  });

  test.each([
    [60, []],
    [61, ['clock_skew']],
  ])('a cosignature of %i s in the future', async (ahead, kinds) => {
    const { nowSec, shows } = await cosigned();
    expect((await shows(9, nowSec + ahead)).map(({ kind }) => kind)).toEqual(kinds);
  });

  test('without a policy a head gets stale only where it is asked for, from when it was first seen', async () => {
    for (const [settings, kinds] of [
      [{}, []],
      [{ staleSec: 10 }, ['stale_head']],
    ] as const) {
      const desk = await following({ history: main, size: 9 }, settings);
      await desk.round();
      desk.clock.pass(11_000);
      expect((await desk.round()).map(({ kind }) => kind)).toEqual(kinds);
      desk.show({ history: main, size: 10 });
      expect(await desk.round()).toEqual([]);
    }
  });
});

describe('MONITOR-7 heads that others have seen', () => {
  const noteOf = (view: View): Promise<string> => log.note(view);

  test.each<[string, View, string]>([
    ['the same', { history: main, size: 600 }, 'same'],
    ['an older one', { history: main, size: 257 }, 'prefix'],
    ['the empty one', { history: main, size: 0 }, 'prefix'],
    ['a newer one', { history: main, size: 601 }, 'ahead'],
    ['another root', { history: other, size: 600 }, 'fork'],
    ['an older one of another history', { history: other, size: 101 }, 'fork'],
    ['an older one before the fork', { history: other, size: 100 }, 'prefix'],
  ])('%s', async (_, view, outcome) => {
    const desk = await following({ history: main, size: 600 });
    await desk.round();
    const heard = await desk.monitor.hear(await noteOf(view));
    expect(heard).toMatchObject({ origin: trust.origin, size: view.size, outcome });
    expect(desk.reported.map(({ kind }) => kind)).toEqual(outcome === 'fork' ? ['fork'] : []);
    if (outcome === 'fork') expect(await convicted(desk.reported[0])).toMatch(/two-roots|not-a-prefix/);
  });

  test.each<[string, NoteSigner, string]>([
    ['a log that is not followed', testSigner('log.example/b'), 'unknown_origin'],
    ['another key', testSigner('log.example/main', 2), 'untrusted_checkpoint'],
  ])('%s is refused, and nothing is kept', async (_, signer, code) => {
    const desk = await following({ history: main, size: 600 });
    await desk.round();
    const note = await signedHead(signer, 700, other.root(700));
    await expect(desk.monitor.hear(note)).rejects.toMatchObject({ code });
    expect(await desk.round()).toEqual([]);
  });

  test('leaf hashes that are not those of the verified tree accuse nobody: the head waits', async () => {
    const desk = await following({ history: main, size: 600 });
    await desk.round();
    desk.show(
      { history: main, size: 600 },
      on('tile/0/000', () => new Response(new Uint8Array(256 * 32))),
    );
    const older = await desk.monitor.hear(await noteOf({ history: main, size: 200 }));
    expect([older.outcome, await desk.round()]).toEqual(['ahead', []]);
    desk.show({ history: main, size: 600 });
    expect(await desk.round()).toEqual([]);
    expect(desk.monitor.known()).toHaveLength(1);
  });

  test('a log that drips what comparisons need puts off no alarm: a stale head is told before', async () => {
    const desk = await following({ history: main, size: 600 }, { staleSec: 600 });
    await desk.round();
    desk.clock.pass(601_000);
    await desk.monitor.hear(await noteOf({ history: main, size: 700 }));
    const told: string[][] = [];
    desk.show({ history: main, size: 600 }, (path, answer) => {
      if (path.startsWith('proofs/')) told.push(desk.reported.map(({ kind }) => kind));
      return answer();
    });
    await desk.round();
    expect(told).toEqual([['stale_head']]);
  });

  test('a monitor that is closed does not wait for a log that drips what a comparison needs', async () => {
    const desk = await following({ history: main, size: 600 });
    await desk.round();
    const asked = new Promise<void>((onAsked) => {
      // Smaller than before, and the leaf hashes that would tell which tree it is of never come.
      desk.show({ history: main, size: 201 }, (path, answer) => {
        if (path !== 'tile/0/000') return answer();
        onAsked();
        return new Promise(() => undefined);
      });
    });
    desk.monitor.start();
    await asked;
    await desk.monitor.close();
    expect(desk.reported).toEqual([]);
  });

  test.each<[string, () => Response]>([
    ['refuses them', () => problem(503, 'unreachable')],
    ['has lost them', () => problem(404, 'not_found')],
    ['gives others', () => new Response(new Uint8Array(256 * 32))],
  ])('a log that gives leaf hashes once, and then %s, is convicted by that answer', async (_, later) => {
    const desk = await following({ history: main, size: 600 });
    await desk.round();
    let asked = 0;
    desk.show(
      { history: main, size: 600 },
      on('tile/0/000', (answer) => {
        asked += 1;
        return asked === 1 ? answer() : later();
      }),
    );
    const heard = await desk.monitor.hear(await noteOf({ history: other, size: 101 }));
    expect([heard.outcome, asked, await convicted(desk.reported[0])]).toEqual(['fork', 1, 'not-a-prefix']);
  });

  test('a larger head of another history convicts once the own view has grown to it, also over a restart', async () => {
    const memory = monitorMemory();
    const first = await following({ history: main, size: 300 }, { memory });
    await first.round();
    await first.monitor.hear(await noteOf({ history: other, size: 600 }));
    const desk = await following({ history: main, size: 650 }, { memory });
    const [found] = await desk.round();
    expect([found?.kind, await convicted(found)]).toEqual(['fork', 'not-a-prefix']);
  });

  test('a larger head of the own history is forgotten once it is reached', async () => {
    const memory = monitorMemory();
    const desk = await following({ history: main, size: 300 }, { memory });
    await desk.round();
    await desk.monitor.hear(await noteOf({ history: main, size: 600 }));
    expect(await desk.round()).toEqual([]);
    desk.show({ history: main, size: 600 });
    expect(await desk.round()).toEqual([]);
    expect([...memory.store.rows.keys()].filter((key) => key.startsWith('68'))).toEqual([]);
  });

  test('two larger heads of one size convict at once', async () => {
    const desk = await following({ history: main, size: 300 });
    await desk.round();
    await desk.monitor.hear(await noteOf({ history: main, size: 600 }));
    const heard = await desk.monitor.hear(await noteOf({ history: other, size: 600 }));
    expect([heard.outcome, await convicted(desk.reported[0])]).toEqual(['fork', 'two-roots']);
  });

  test('a log whose own proof shows its second tree is convicted by it', async () => {
    const desk = await following({ history: main, size: 300 });
    await desk.round();
    await desk.monitor.hear(await noteOf({ history: other, size: 600 }));
    desk.show({ history: main, size: 300 }, async (path, answer) =>
      path.startsWith('proofs')
        ? log.answer({ history: other, size: 600 }, 'http://a/proofs/consistency?from=300&to=600')
        : answer(),
    );
    const [found] = await desk.round();
    expect([found?.kind, await convicted(found)]).toEqual(['fork', 'not-a-prefix']);
  });

  test.each<[string, Lie]>([
    ['does not know it', honest],
    [
      'gives a wrong proof',
      on('proofs', () => Response.json({ fromRootHash: `${'A'.repeat(43)}=`, consistencyProof: [] })),
    ],
    ['has no proofs', on('proofs', () => problem(404, 'not_found'))],
    ['does not answer', on('proofs', () => Promise.reject(new TypeError('reset')))],
  ])('a larger head that the log %s is a suspicion after two minutes, and no fork', async (_, lie) => {
    const desk = await following({ history: main, size: 300 });
    await desk.round();
    const note = await noteOf({ history: other, size: 600 });
    await desk.monitor.hear(note);
    desk.show({ history: main, size: 300 }, lie);
    expect(await desk.round()).toEqual([]);
    desk.clock.pass(120_000);
    const [found] = await desk.round();
    expect(found).toMatchObject({ kind: 'suspicion', sizes: [300, 600] });
    expect([found?.evidence, found?.notes?.at(-1)]).toEqual([undefined, note]);
  });

  test('a log of tiles alone is asked for the tiles of a larger head: its own tree is no word, a second one convicts', async () => {
    const tilesOf = (view: View): Lie => {
      return (path, answer) =>
        path.startsWith('proofs')
          ? problem(404, 'not_found')
          : path === 'checkpoint'
            ? answer()
            : log.answer(view, `http://a/${path}`);
    };
    for (const [history, kinds] of [
      [main, []],
      [other, ['fork']],
    ] as const) {
      const desk = await following({ history: main, size: 300 });
      await desk.round();
      await desk.monitor.hear(await noteOf({ history, size: 600 }));
      desk.show({ history: main, size: 300 }, tilesOf({ history, size: 600 }));
      const found = await desk.round();
      desk.clock.pass(120_000);
      expect([...found, ...(await desk.round())].map(({ kind }) => kind)).toEqual([...kinds, ...kinds]);
      if (history === other) expect(await convicted(found[0])).toBe('not-a-prefix');
    }
  });

  test('since when a head could not be connected outlives the process, and is forgotten once it could', async () => {
    const memory = monitorMemory();
    const first = await following({ history: main, size: 300 }, { memory });
    await first.round();
    await first.monitor.hear(await noteOf({ history: main, size: 600 }));
    const looks = async (sec: number, lie: Lie): Promise<readonly string[]> => {
      const clock = new HandClock();
      clock.pass(sec * 1_000);
      const desk = await following({ history: main, size: 300 }, { memory, clock });
      desk.show({ history: main, size: lie === honest ? 600 : 300 }, lie);
      return (await desk.round()).map(({ kind }) => kind);
    };
    const hidden = on('proofs', () => problem(500, 'internal'));
    const shown: Lie = (path, answer) =>
      path === 'checkpoint' ? log.answer({ history: main, size: 300 }, `http://a/${path}`) : answer();
    const proven: Lie = (path, answer) =>
      path.startsWith('proofs') ? log.answer({ history: main, size: 600 }, PROOF_URL) : shown(path, answer);
    expect(await looks(10, hidden)).toEqual([]);
    expect(await looks(129, hidden)).toEqual([]);
    expect(await looks(140, proven)).toEqual([]);
    expect(await looks(150, hidden)).toEqual([]);
    expect(await looks(269, hidden)).toEqual([]);
    expect(await looks(270, hidden)).toEqual(['suspicion']);
    expect(await looks(271, honest)).toEqual([]);
    expect(await looks(500, hidden)).toEqual(['rollback']);
  });

  test('a clock that is set back hides no suspicion', async () => {
    const memory = monitorMemory();
    const desk = await following({ history: main, size: 300 }, { memory });
    await desk.round();
    await desk.monitor.hear(await noteOf({ history: other, size: 600 }));
    desk.clock.pass(1_000_000);
    await desk.round();
    const later = await following({ history: main, size: 300 }, { memory });
    expect(await later.round()).toEqual([]);
    later.clock.pass(120_000);
    expect(await later.round()).toMatchObject([{ kind: 'suspicion' }]);
  });

  test.each([
    ['from the nearest on', (i: number) => 400 + i],
    ['the farthest first', (i: number) => 419 - i],
  ])('no more than eight are kept, the nearest: %s', async (_, sizeAt) => {
    const memory = monitorMemory();
    const desk = await following({ history: main, size: 300 }, { memory });
    await desk.round();
    for (let i = 0; i < 20; i += 1) await desk.monitor.hear(await noteOf({ history: main, size: sizeAt(i) }));
    const kept = [...memory.store.rows.keys()].filter((key) => key.startsWith('68'));
    const sizes = kept.map((key) => Number.parseInt(key.slice(-16), 16)).sort();
    expect(sizes).toEqual([400, 401, 402, 403, 404, 405, 406, 407]);
  });

  test('a head that could not be connected makes way for none', async () => {
    const desk = await following({ history: main, size: 300 });
    await desk.round();
    await desk.monitor.hear(await noteOf({ history: other, size: 690 }));
    expect(await desk.round()).toEqual([]);
    for (let size = 400; size < 420; size += 1)
      await desk.monitor.hear(await noteOf({ history: main, size }));
    desk.clock.pass(120_000);
    expect(await desk.round()).toMatchObject([{ kind: 'suspicion', sizes: [300, 690] }]);
  });
});

describe('MONITOR-4 the guard', () => {
  test.each<[string, (memory: ReturnType<typeof monitorMemory>) => void, string]>([
    ['a database that comes back empty', ({ store }) => store.rows.clear(), 'record_lost'],
    [
      'an edge that is gone',
      ({ store }) =>
        void [...store.rows.keys()]
          .filter((key) => key.startsWith('65'))
          .map((key) => store.rows.delete(key)),
      'storage_corrupt',
    ],
    [
      'a guard of another tree',
      ({ guard }) => void guard.raise({ ...guard.mark, rootHash: main.root(5) }),
      'guard_conflict',
    ],
  ])('%s refuses the log', async (_, damage, code) => {
    const memory = monitorMemory();
    const first = await following({ history: main, size: 300 }, { memory });
    await first.round();
    damage(memory);
    const desk = await following({ history: other, size: 600 }, { memory });
    expect(await desk.round()).toMatchObject([{ kind: 'refused' }]);
    expect(desk.monitor.status()[0]?.refused?.code).toBe(code);
    expect(await desk.monitor.hear(await log.note({ history: other, size: 700 }))).toMatchObject({
      outcome: 'refused',
    });
  });

  test('a record that a crash kept from its guard raises it', async () => {
    const memory = monitorMemory();
    const first = await following({ history: main, size: 300 }, { memory });
    await first.round();
    const mark = memory.guard.mark;
    first.show({ history: main, size: 600 });
    await first.round();
    memory.guard.mark = mark;
    const desk = await following({ history: main, size: 600 }, { memory });
    expect(memory.guard.mark.size).toBe(600);
    expect(await desk.round()).toEqual([]);
  });
});
