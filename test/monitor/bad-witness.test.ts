import { describe, expect, test } from 'vitest';
import { parseEvidence } from '../../src/core/evidence/evidence.ts';
import { judgeEvidence } from '../../src/core/evidence/judge.ts';
import { COSIGNATURE_V1, parseVerifierKey } from '../../src/core/note/key.ts';
import { parsePolicy } from '../../src/core/note/policy.ts';
import type { Ed25519Verify } from '../../src/core/note/verifier.ts';
import { treeSize } from '../../src/core/units.ts';
import { createCosigner } from '../../src/keys/cosigner.ts';
import { generateSigningKey } from '../../src/keys/generate.ts';
import { wentBackwards } from '../../src/monitor/bad-witness.ts';
import type { Observation } from '../../src/monitor/observation.ts';
import { ed25519Verify } from '../../src/runtime/ed25519.ts';
import { nodeHasher } from '../../src/runtime/node-hasher.ts';
import { testSigner } from '../support/growing-log.ts';
import { type MonitorDesk, openDesk } from '../support/monitor-desk.ts';
import { History, signedHead, TileLog } from '../support/tile-log.ts';

const ORIGIN = 'log.example/main';
const log = new TileLog(testSigner(ORIGIN));
const main = new History(700);
const other = new History(700, { from: 100, name: 'other' });
const witnessOf = (name: string, seed: number) =>
  createCosigner(generateSigningKey((n) => new Uint8Array(n).fill(seed), name, COSIGNATURE_V1).skey);
const liar = witnessOf('liar.example', 3);
const honest = witnessOf('honest.example', 4);
const policy = parsePolicy(
  `log ${log.signer.vkey}\nwitness l ${liar.vkey}\nwitness h ${honest.vkey}\nquorum l\n`,
);
const SEC = 1_750_000_000;

interface Head {
  readonly history: History;
  readonly size: number;
  readonly by?: readonly (typeof liar)[];
  readonly sec?: number;
}

const noteOf = ({ history, size, by = [liar, honest], sec = SEC }: Head): Promise<string> =>
  signedHead(
    log.signer,
    size,
    history.root(size),
    by.map((each) => ({ cosign: (text: string, timeSec: number) => each.cosign(text, timeSec) })),
    sec,
  );

/** A monitor that has verified the first head; `show` is what the log shows from then on. */
async function following(first: Head): Promise<MonitorDesk & { show(head: Head): Promise<void> }> {
  let [view, note] = [first, await noteOf(first)];
  const desk = await openDesk({ origin: ORIGIN, trust: { policy, origin: ORIGIN } }, async (url) =>
    url.endsWith('/checkpoint') ? new Response(note) : log.answer(view, url),
  );
  expect(await desk.round()).toEqual([]);
  const show = async (head: Head): Promise<void> => {
    [view, note] = [head, await noteOf(head)];
  };
  return { ...desk, show };
}

const kinds = (found: readonly Observation[]): string[] => found.map(({ kind }) => kind);

/** What a file says of a witness, with its key alone. */
async function judged(observation: Observation | undefined, { vkey }: typeof liar): Promise<unknown> {
  const evidence = parseEvidence(observation?.evidence ?? '');
  const trust = { keys: [parseVerifierKey(vkey)], ed25519: ed25519Verify };
  return judgeEvidence(nodeHasher, evidence, trust).catch(({ code }) => code);
}

describe('MONITOR-2 EVIDENCE-3 a witness that cosigned both sides of a fork', () => {
  const first: Head = { history: main, size: 300 };
  const rows: [string, Head, string][] = [
    ['of one size', { history: other, size: 300, by: [liar] }, 'two-roots'],
    ['of a larger size', { history: other, size: 600, by: [liar] }, 'not-a-prefix'],
  ];

  test.each(rows)('that the log itself shows, %s, is convicted, and no other', async (_, second, kind) => {
    const desk = await following(first);
    await desk.show(second);
    const found = await desk.round();
    expect(kinds(found)).toEqual(['fork', 'bad_witness']);
    expect(found[1]?.message).toContain(liar.vkey);
    expect(found[1]?.message).not.toContain(honest.vkey);
    expect(await judged(found[1], liar)).toMatchObject({ accused: 'witness', kind });
    expect(await judged(found[1], honest)).toBe('unverified_note');
  });

  test.each(rows.slice(0, 1))('that a peer has seen, %s, is convicted', async (_, second, kind) => {
    const desk = await following(first);
    expect((await desk.monitor.hear(await noteOf(second))).outcome).toBe('fork');
    expect(kinds(desk.reported)).toEqual(['fork', 'bad_witness']);
    expect(await judged(desk.reported[1], liar)).toMatchObject({ accused: 'witness', kind });
  });

  test('that a peer convicts the log of is convicted with it; one file accuses both witnesses, each told by itself', async () => {
    const a = await following(first);
    const { evidence = '' } = await a.monitor.hear(await noteOf({ history: other, size: 300 }));
    const b = await following(first);
    await b.monitor.convicted(ORIGIN, evidence, [300]);
    expect(kinds(b.reported)).toEqual(['fork', 'bad_witness', 'bad_witness']);
    expect(b.reported.map(({ cause }) => cause)).toEqual([undefined, liar.vkey, honest.vkey]);
    for (const each of [liar, honest])
      for (const observation of b.reported.slice(1))
        expect(await judged(observation, each)).toMatchObject({ accused: 'witness' });
  });

  test('a fork that no witness cosigned twice accuses the log alone', async () => {
    const desk = await following({ ...first, by: [liar] });
    await desk.monitor.hear(await noteOf({ history: other, size: 300, by: [honest] }));
    expect(kinds(desk.reported)).toEqual(['fork']);
  });
});

describe('MONITOR-2 EVIDENCE-3 a witness that cosigned a smaller tree after a larger', () => {
  test.each<[string, Head, readonly (typeof liar)[]]>([
    ['a smaller head, a second later', { history: main, size: 200, sec: SEC + 1 }, [liar, honest]],
    ['one, of one of them', { history: main, size: 200, sec: SEC + 1, by: [liar] }, [liar]],
    ['a smaller head of the same second', { history: main, size: 200 }, []],
    ['a smaller head, a second earlier', { history: main, size: 200, sec: SEC - 1 }, []],
    ['a larger head, a second earlier', { history: main, size: 400, sec: SEC - 1 }, [liar, honest]],
    ['a larger head, later', { history: main, size: 400, sec: SEC + 1 }, []],
    ['the same head, earlier', { history: main, size: 300, sec: SEC - 1 }, []],
  ])('%s, that a peer has seen', async (_, head, expected) => {
    const desk = await following({ history: main, size: 300 });
    expect((await desk.monitor.hear(await noteOf(head))).outcome).not.toBe('fork');
    expect(desk.reported.map(({ kind, cause }) => [kind, cause])).toEqual(
      expected.map(({ vkey }) => ['bad_witness', vkey]),
    );
    if (expected.length > 0)
      expect(await judged(desk.reported[0], liar)).toMatchObject({ kind: 'backwards', accused: 'witness' });
  });

  test.each<[string, (line: string) => string, number]>([
    ['fifty cosignatures that are all earlier cost no verification', (line) => line, 0],
    [
      'one that is later and does not hold costs one',
      (line) => `${line.slice(0, -12)}${line.at(-12) === 'A' ? 'B' : 'A'}${line.slice(-11)}`,
      1,
    ],
  ])('%s, and convict nobody', async (_, spoil, expected) => {
    let count = 0;
    const counting: Ed25519Verify = (...args) => {
      count += 1;
      return ed25519Verify(...args);
    };
    const note = await noteOf({ history: main, size: 200, by: [] });
    const text = `${note.split('\n\n')[0]}\n`;
    const earlier = Array.from({ length: 50 }, (_, i) => liar.cosign(text, SEC - i));
    const late = expected === 0 ? '' : spoil(await liar.cosign(text, SEC + 1));
    const smaller = {
      size: treeSize(200),
      rootHash: main.root(200),
      note: `${note}${(await Promise.all(earlier)).join('')}${late}`,
    };
    const larger = {
      size: treeSize(300),
      rootHash: main.root(300),
      note: await noteOf({ history: main, size: 300 }),
    };
    const witnesses = [liar, honest].map(({ vkey }) => parseVerifierKey(vkey));
    expect(await wentBackwards(nodeHasher, larger, smaller, { witnesses, ed25519: counting })).toEqual([]);
    expect(count).toBe(expected);
  });

  test('is seen in what the log shows, too', async () => {
    const desk = await following({ history: main, size: 300 });
    await desk.show({ history: main, size: 400, sec: SEC - 1 });
    expect(kinds(await desk.round())).toEqual(['bad_witness', 'bad_witness']);
    expect(desk.monitor.status()[0]?.size).toBe(400);
  });
});
