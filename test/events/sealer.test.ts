import { dirname, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { describe, expect, onTestFinished, test } from 'vitest';
import { eventText, parseEvent } from '../../src/core/event/event.ts';
import type { PublicLabel } from '../../src/core/event/leaf.ts';
import { encryptionKey } from '../../src/events/event-keys.ts';
import type { SealableEvent, SealedEvent } from '../../src/events/seal-event.ts';
import { openBytes, placeOf } from '../../src/events/sealed-bytes.ts';
import { type Sealer, SealerHere } from '../../src/events/sealer.ts';
import { SealerBeside, type SealingThread } from '../../src/events/sealer-beside.ts';
import { nodeEventHasher as hasher } from '../../src/runtime/event-hasher.ts';
import { systemRandom } from '../../src/runtime/random.ts';
import { Thread } from '../../src/runtime/thread.ts';
import { compiledCli } from '../support/cli-process.ts';

const COMPILED = join(dirname(compiledCli().main), '..');
const KIB = 1024;

const seedsOf = (count: number): Uint8Array =>
  Uint8Array.from({ length: 32 * count }, (_, i) => (i * 7 + Math.floor(i / 32)) % 251);

/** An event of at least so many bytes. */
function event(i: number, bytes = 200): SealableEvent {
  const value = parseEvent(
    JSON.stringify({
      ...{ schema: 'audit-event/1', id: `e${i}`, time: '2026-11-18T11:06:40Z', action: 'a.b' },
      ...{ outcome: i % 2 === 0 ? 'success' : 'denied', actor: { type: 'user', id: 'u' } },
      ...{ service: { name: `s${i}` }, data: { text: 'x'.repeat(bytes) } },
    }),
  );
  const text = eventText(value);
  return { event: value, text, sent: text, content: undefined };
}

/** Counts its turns. */
function sealerHere(publicLabels: readonly PublicLabel[] = []) {
  const taken = { turns: 0 };
  const clock = {
    nextTurn: async () => {
      taken.turns += 1;
    },
  };
  const deps = { hasher, random: systemRandom, origin: 'log.example/audit', publicLabels };
  return { taken, deps, sealer: new SealerHere(deps, clock) };
}

describe('SEQ-12 events are sealed in turns', () => {
  test.each([
    ['127 of them', 127, 0, 0],
    ['128', 128, 0, 1],
    ['300', 300, 0, 2],
    ['three with 600 KiB of verbatim bytes each', 3, 600 * KIB, 1],
  ])('%s', async (_, count, contentBytes, turns) => {
    const { sealer, taken } = sealerHere();
    const content = contentBytes === 0 ? undefined : new Uint8Array(contentBytes);
    const events = Array.from({ length: count }, (__, i) => ({ ...event(i, 0), content }));
    const sealed = await sealer.seal(events, { start: 0, receivedMs: 0, seeds: seedsOf(count) });
    expect([sealed.length, taken.turns]).toEqual([count, turns]);
  });
});

describe('SEQ-12 many events are sealed in a thread of their own', () => {
  const places = (count: number) => ({ start: 40, receivedMs: 1_795_000_000_000, seeds: seedsOf(count) });
  /** The thread of the compiled sources. */
  function realThread(): SealingThread {
    const thread: SealingThread = new Thread(pathToFileURL(join(COMPILED, 'events/sealing-thread.js')));
    onTestFinished(() => thread.close());
    return thread;
  }
  /** All of an event that was sealed but the nonces, with what is encrypted in clear. */
  const opened = ({ payload, raw, ...plain }: SealedEvent, i: number) => {
    const seed = seedsOf(i + 1).subarray(32 * i);
    const opening = { key: encryptionKey(hasher, seed), place: placeOf('log.example/audit', 40 + i) };
    const open = (sealed: Uint8Array): Buffer => Buffer.from(openBytes(opening, sealed));
    return { ...plain, payload: open(payload), raw: raw && open(raw) };
  };
  const all = async (sealer: Sealer, events: readonly SealableEvent[]) =>
    (await sealer.seal(events, places(events.length))).map(opened);

  test('an entry keeps nothing in memory but itself', async () => {
    const { sealer, deps } = sealerHere();
    const events = Array.from({ length: 3 }, (_, i) => event(i, 40 * KIB));
    const sealed = await new SealerBeside(realThread(), deps, sealer).seal(events, places(3));
    for (const { entry } of sealed) expect(entry.buffer.byteLength).toBe(entry.length);
  });

  test.each<[string, readonly PublicLabel[]]>([
    ['no labels', []],
    ['labels', ['outcome', 'service.name']],
  ])('as they are in this one: %s', async (_, publicLabels) => {
    const { sealer, deps, taken } = sealerHere(publicLabels);
    const beside = new SealerBeside(realThread(), deps, sealer);
    const events = Array.from({ length: 400 }, (__, i) => event(i));
    events[1] = { ...event(1), sent: Buffer.from('as it was sent') };
    events[2] = { ...event(2), content: new Uint8Array(0) };
    events[399] = { ...event(399), sent: Buffer.from('as it was sent'), content: new Uint8Array(70 * KIB) };
    const sealed = await all(beside, events);
    expect(taken.turns).toBe(0);
    expect(sealed).toEqual(await all(sealer, events));
    expect(sealed[2]?.raw).toHaveLength(0);
  });

  test('no nonce comes twice', async () => {
    const { sealer, deps } = sealerHere();
    const beside = new SealerBeside(realThread(), deps, sealer);
    const events = [event(0, 40 * KIB), { ...event(1, 40 * KIB), content: new Uint8Array(1) }];
    const sealed = [...(await beside.seal(events, places(2))), ...(await beside.seal(events, places(2)))];
    const nonces = sealed.flatMap(({ payload, raw }) => (raw === undefined ? [payload] : [payload, raw]));
    expect(new Set(nonces.map((bytes) => Buffer.from(bytes.subarray(0, 12)).toString('hex'))).size).toBe(6);
  });

  test('few are not, whether by text or verbatim bytes', async () => {
    const { sealer, deps } = sealerHere();
    let asked = 0;
    const thread: Pick<SealingThread, 'ask'> = {
      ask: async () => {
        asked += 1;
        throw new Error('asked');
      },
    };
    const beside = new SealerBeside(thread, deps, sealer);
    const few = event(0, 0);
    const left = 64 * KIB - few.text.length;
    const sealed = (length: number) => beside.seal([{ ...few, content: new Uint8Array(length) }], places(1));
    expect(await sealed(left - 1)).toHaveLength(1);
    await expect(sealed(left)).rejects.toThrow('asked');
    expect(asked).toBe(1);
  });

  test('an answer that lacks one is a bug of ours', async () => {
    const { sealer, deps } = sealerHere();
    const answer = { bytes: new Uint8Array(0), lengths: new Uint32Array(5).fill(2 ** 32 - 1) };
    const beside = new SealerBeside({ ask: async () => answer }, deps, sealer);
    const many = { ...event(0), content: new Uint8Array(64 * KIB) };
    await expect(beside.seal([many], places(1))).rejects.toThrow(TypeError);
  });
});
