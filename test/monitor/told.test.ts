import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import type { Alert, AlertKind } from '../../src/alert/alert.ts';
import { Alerter } from '../../src/alert/alerter.ts';
import { formatBase64, parseBase64 } from '../../src/core/encoding/base64.ts';
import { COSIGNATURE_V1 } from '../../src/core/note/key.ts';
import { parsePolicy } from '../../src/core/note/policy.ts';
import { createCosigner } from '../../src/keys/cosigner.ts';
import { generateSigningKey } from '../../src/keys/generate.ts';
import { Reporter } from '../../src/monitor/reporter.ts';
import { testSigner } from '../support/growing-log.ts';
import { type DeskSettings, type MonitorDesk, monitorMemory, openDesk } from '../support/monitor-desk.ts';
import { expectTold, type ToldFact } from '../support/telling.ts';
import { tempFolder } from '../support/temp-folder.ts';
import { History, problem, signedHead, TileLog, type View } from '../support/tile-log.ts';

const ORIGIN = 'log.example/main';
const log = new TileLog(testSigner(ORIGIN));
const trust = { vkey: log.signer.vkey };
const main = new History(70_000);
const other = new History(700, { from: 100, name: 'other' });

type Lie = (path: string, honest: () => Promise<Response>) => Promise<Response> | Response;
const honest: Lie = (_, answer) => answer();
const on = (part: string, lie: (honest: () => Promise<Response>) => Promise<Response> | Response): Lie => {
  return (path, answer) => (path.includes(part) ? lie(answer) : answer());
};
/** Of each answer whose path has the part one bit is another. */
const flipped = (part: string): Lie =>
  on(part, async (answer) => {
    const bytes = new Uint8Array(await (await answer()).arrayBuffer());
    bytes[2] = (bytes[2] ?? 0) ^ 1;
    return new Response(bytes);
  });
const heads = (note: string): Lie => on('checkpoint', () => new Response(note));

interface Telling {
  readonly desk: MonitorDesk;
  readonly told: Alert[];
  /** What the log shows from now on. */
  show(size: number, lie?: Lie, history?: History): void;
  /** A look, so long after the one before that what was over is told anew. */
  round(): Promise<void>;
}

/** A monitor whose observations become alerts as in the command line. */
async function telling(
  settings: Partial<DeskSettings> & { readonly memory?: ReturnType<typeof monitorMemory> } = {},
): Promise<Telling> {
  const { memory, ...rest } = settings;
  let [view, lie]: [View, Lie] = [{ history: main, size: 300 }, honest];
  const answer = async (url: string): Promise<Response> =>
    lie(new URL(url).pathname.slice(1), () => log.answer(view, url));
  const desk = await openDesk({ origin: ORIGIN, trust, ...rest }, answer, memory);
  const folder = await tempFolder();
  const alerter = await Alerter.open({ folder: join(folder, 'outbox'), sinks: [], clock: desk.clock });
  onTestFinished(() => alerter.close());
  const told: Alert[] = [];
  const reporter = new Reporter({
    ...{ folder: join(folder, 'evidence'), alerter, onAlert: (alert) => told.push(alert) },
    onUnkept: (error) => expect.fail(error.message),
  });
  return {
    ...{ desk, told },
    show: (size, nextLie = honest, history = main) => {
      [view, lie] = [{ history, size }, nextLie];
    },
    round: async () => {
      desk.clock.pass(600_000);
      const found = await desk.round();
      for (const each of found) await reporter.report(ORIGIN, each);
      if (desk.monitor.status()[0]?.unanswered === undefined) await reporter.settle(ORIGIN, found);
    },
  };
}

interface Row {
  readonly what: string;
  readonly lie?: Lie;
  readonly sizes?: readonly number[];
  /** A head that somebody else has seen. */
  readonly heard?: View;
  readonly kind: AlertKind;
  readonly facts: readonly ToldFact[];
  readonly says: RegExp;
}

const COMPARED: readonly ToldFact[] = ['sizes', 'index', 'expectedHash', 'actualHash'];
const short: Lie = on('tile/1/', () => new Response(new Uint8Array(32)));
const gone = (part: string): Lie => on(part, () => problem(404, 'not_found'));
/** Serves the tiles of the larger tree. */
const old: Lie = (path, answer) =>
  path === 'checkpoint' ? answer() : log.answer({ history: main, size: 300 }, `http://a/${path}`);
const unsigned = await signedHead(testSigner(ORIGIN, 2), 9, main.root(9));

const ROWS: readonly Row[] = [
  {
    ...{ what: 'a wrong entry', lie: flipped('entries/'), kind: 'bad_entry', facts: COMPARED },
    says: /^entry 256 /,
  },
  {
    ...{ what: 'a bundle that is none', lie: on('entries/001', () => new Response('x')), kind: 'bad_tile' },
    ...{ facts: ['sizes'], says: /^entry bundle 1 / },
  },
  {
    ...{ what: 'a wrong full tile', lie: flipped('tile/1/000'), sizes: [66_000, 66_100, 66_300] },
    ...{ kind: 'bad_tile', facts: ['sizes'], says: /^tile 1\/0 / },
  },
  {
    ...{ what: 'a wrong tile at the edge', lie: flipped('tile/0/002'), kind: 'bad_tile', facts: ['sizes'] },
    says: /edge/,
  },
  {
    ...{ what: 'a tile of another length', lie: short, kind: 'bad_tile', facts: ['sizes'] },
    says: /^tile\/1\/000\.p\/2 has 32 bytes/,
  },
  {
    ...{ what: 'a hidden bundle', lie: gone('entries/001'), kind: 'no_proof', facts: ['sizes'] },
    says: /entry bundle 1 /,
  },
  { what: 'a hidden tile', lie: gone('tile/1/'), kind: 'no_proof', facts: ['sizes'], says: /tile 1\/0 / },
  {
    ...{ what: 'a log that grows below its head', lie: old, sizes: [200, 210, 220], kind: 'rollback' },
    ...{ facts: ['sizes', 'evidenceFile'], says: /size 200 after 300/ },
  },
  {
    ...{ what: 'a head that nobody has signed', lie: heads(unsigned), kind: 'bad_signature', facts: [] },
    says: /^http:\/\/log\.example\/checkpoint: /,
  },
  {
    ...{ what: 'a head of another tree', heard: { history: other, size: 700 }, kind: 'suspicion' },
    ...{ facts: ['sizes', 'evidenceFile'], says: /size 700 / },
  },
  {
    ...{ what: 'a silence', lie: () => Promise.reject(new TypeError('reset')), kind: 'unreachable' },
    ...{ facts: [], says: /http:\/\/log\.example\/checkpoint/ },
  },
];

describe('MONITOR-12 one cause is one alert while the log grows, and says where', () => {
  test.each(ROWS)('$what', async ({ lie, sizes = [600, 620, 640], heard, kind, facts, says }) => {
    const { desk, told, show, round } = await telling();
    await round();
    if (heard !== undefined) await desk.monitor.hear(await log.note(heard));
    if (heard !== undefined) await round();
    for (const size of sizes) {
      show(size, lie);
      await round();
    }
    expect(told.map((alert) => alert.kind)).toEqual([kind]);
    const [alert] = told as [Alert];
    expect(alert.message).toMatch(says);
    await expectTold(alert, facts);
  });

  test('the next damaged bundle is another, though the first was not sound in between', async () => {
    const { told, show, round } = await telling();
    await round();
    for (const bundle of ['entries/001', 'entries/002', 'entries/001']) {
      show(600, gone(bundle));
      await round();
    }
    expect(told.map(({ message }) => /bundle \d/.exec(message)?.[0])).toEqual([
      ...['bundle 1', 'bundle 2', 'bundle 1'],
    ]);
  });

  test('an entry that is no event, by its index', async () => {
    const { told, round } = await telling({ events: true });
    await round();
    await round();
    expect(told).toMatchObject([{ kind: 'bad_event', index: 0, cause: 'entry 0' }]);
    await expectTold(told[0] as Alert, ['sizes', 'index']);
  });

  test('a log whose own record is in doubt, by the code, sizes and hashes', async () => {
    const memory = monitorMemory();
    await (await telling({ memory })).round();
    memory.store.rows.clear();
    const { told, round } = await telling({ memory });
    await round();
    await round();
    expect(told).toMatchObject([{ kind: 'refused', cause: 'record_lost', sizes: [300, 0] }]);
    await expectTold(told[0] as Alert, ['sizes', 'expectedHash', 'actualHash']);
  });
});

interface Cosigner {
  cosign(text: string, timeSec: number): Promise<string>;
}
const witnessOf = (name: string, seed: number) =>
  createCosigner(generateSigningKey((n) => new Uint8Array(n).fill(seed), name, COSIGNATURE_V1).skey);
const [a, b] = [witnessOf('a.example', 3), witnessOf('b.example', 4)];
const policy = parsePolicy(
  `log ${log.signer.vkey}\nwitness a ${a.vkey}\nwitness b ${b.vkey}\ngroup both all a b\nquorum both\n`,
);
const byPolicy = { trust: { policy, origin: ORIGIN } };
/** A witness whose clock is so many seconds off. */
const off = (witness: typeof a, sec: number): Cosigner => ({
  cosign: (text, timeSec) => witness.cosign(text, timeSec + sec),
});
/** A witness whose line does not hold. */
const broken = (witness: typeof a): Cosigner => ({
  cosign: async (text, timeSec) => {
    const line = await witness.cosign(text, timeSec);
    const [, start = '', base64 = ''] = /^(.* )(\S+)\n$/.exec(line) ?? [];
    const bytes = parseBase64(base64);
    return `${start}${formatBase64(bytes.map((byte, i) => (i === bytes.length - 1 ? byte ^ 1 : byte)))}\n`;
  },
});

interface WitnessRow {
  readonly what: string;
  /** Who cosigns the heads of 300, 310 and so on. */
  readonly by: readonly (readonly Cosigner[])[];
  readonly kind: AlertKind;
  readonly says: readonly RegExp[];
  readonly facts?: readonly ToldFact[];
}

const WITNESS_ROWS: readonly WitnessRow[] = [
  {
    ...{ what: 'two skewed clocks', kind: 'clock_skew' },
    by: [100, 101, 99].map((sec) => [off(a, sec), off(b, 2 * sec)]),
    says: [/cosignature of a is of 100 s/, /cosignature of b is of 200 s/],
  },
  {
    ...{ what: 'two lines that do not hold, one after the other', kind: 'bad_signature' },
    by: [[broken(a), off(b, 0)], [broken(a)], [off(a, 0), broken(b)]],
    says: [/checkpoint: cosignature of a\.example\+/, /checkpoint: cosignature of b\.example\+/],
  },
  {
    ...{ what: 'old cosignatures', kind: 'stale_head', facts: ['sizes'] },
    by: [-1_000, -1_000, -900].map((sec) => [off(a, sec), off(b, sec)]),
    says: [/size 300 is from 1000 s ago; at most 100 s/],
  },
];

describe('MONITOR-12 each witness is an alert of its own', () => {
  /** Shows a head of the moment, cosigned. */
  async function looks(at: Telling, size: number, by: readonly Cosigner[], history = main): Promise<void> {
    const nowSec = at.desk.clock.ms / 1_000 + 600;
    at.show(size, heads(await signedHead(log.signer, size, history.root(size), by, nowSec)), history);
    await at.round();
  }

  test.each(WITNESS_ROWS)('$what', async ({ by, kind, says, facts = [] }) => {
    const at = await telling({ ...byPolicy, staleSec: 100 });
    for (const [i, cosigners] of by.entries()) await looks(at, 300 + 10 * i, cosigners);
    const told = at.told.filter((alert) => alert.kind === kind);
    expect(told).toHaveLength(says.length);
    for (const [i, alert] of told.entries()) {
      expect(alert.message).toMatch(says[i] as RegExp);
      await expectTold(alert, facts);
    }
  });

  test('a quorum that is missing is one, and names who is', async () => {
    const at = await telling(byPolicy);
    await looks(at, 300, [off(a, 0)]);
    await looks(at, 310, []);
    expect(at.told.map(({ kind, message }) => [kind, message])).toEqual([
      ['missing_witnesses', 'http://log.example/checkpoint: cosigned by a, not by b: not the quorum both'],
    ]);
    await expectTold(at.told[0] as Alert, []);
  });

  test('two that cosigned both sides of a fork, with the file that convicts them', async () => {
    const at = await telling(byPolicy);
    const both = [off(a, 0), off(b, 0)];
    await looks(at, 300, both);
    await looks(at, 300, both, other);
    expect(at.told.map(({ kind, cause }) => [kind, cause])).toEqual([
      ...[
        ['fork', undefined],
        ['bad_witness', a.vkey],
        ['bad_witness', b.vkey],
      ],
    ]);
    expect(at.told[1]?.evidenceFile).toBe(at.told[2]?.evidenceFile);
    await expectTold(at.told[0] as Alert, ['sizes', 'expectedHash', 'actualHash', 'evidenceFile']);
    for (const alert of at.told.slice(1)) await expectTold(alert, ['sizes', 'evidenceFile']);
  });

  test('the own clock is none of them', async () => {
    const memory = monitorMemory();
    const ahead = await telling({ memory, staleSec: 100 });
    ahead.desk.clock.pass(1_000_000);
    await ahead.round();
    const { told, round } = await telling({ memory, staleSec: 100 });
    await round();
    expect(told).toMatchObject([{ kind: 'clock_skew', cause: 'own clock' }]);
    await expectTold(told[0] as Alert, ['sizes']);
  });
});
