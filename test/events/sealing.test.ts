import { createHmac, randomBytes } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { parseHex } from '../../src/core/encoding/hex.ts';
import { portableEventHasher } from '../../src/core/event/commitment.ts';
import { eventText, parseEvent } from '../../src/core/event/event.ts';
import type { PublicLabel } from '../../src/core/event/leaf.ts';
import { encryptionKey, IdHasher, sameMac } from '../../src/events/event-keys.ts';
import { hmacSha256 } from '../../src/events/hmac.ts';
import { pooled } from '../../src/events/random-pool.ts';
import { sealEvent } from '../../src/events/seal-event.ts';
import { openBytes, placeOf, sealBytes } from '../../src/events/sealed-bytes.ts';
import { ulid } from '../../src/events/ulid.ts';
import { nodeEventHasher as hasher } from '../../src/runtime/event-hasher.ts';
import { systemRandom } from '../../src/runtime/random.ts';
import { eventVectors } from '../core/event/vectors.ts';

const bytes = (text: string): Uint8Array => Buffer.from(text);
const seed = new Uint8Array(32).fill(7);

describe('EVENT-5 and EVENT-6 the leaf that a server makes', () => {
  test.each(
    eventVectors.leaves.filter(({ type, marks }) => type === 0 && marks === undefined),
  )('$name', (leaf) => {
    const event = parseEvent(leaf.event);
    const publicLabels = Object.keys(leaf.labels ?? {}) as PublicLabel[];
    const deps = { hasher, random: systemRandom, origin: 'log.example/audit', publicLabels };
    const text = eventText(event);
    const sent = { event, text, sent: text, idKey: seed, hasId: true, content: bytes('raw') };
    const at = { index: 3, receivedMs: leaf.received, seed: parseHex(leaf.seed) };
    const sealed = sealEvent(deps, sent, at);
    expect(Buffer.from(sealed.entry).toString('hex')).toBe(leaf.entry);
    const opening = { key: encryptionKey(hasher, at.seed), place: placeOf(deps.origin, 3) };
    expect(Buffer.from(openBytes(opening, sealed.payload))).toEqual(Buffer.from(text));
    expect(Buffer.from(openBytes(opening, sealed.raw ?? seed))).toEqual(bytes('raw'));
    expect(sealed.sameMac).toEqual(sameMac(hasher, at.seed, text));
    // One key for both: a nonce that came twice would give both away.
    expect(sealed.payload.subarray(0, 12)).not.toEqual(sealed.raw?.subarray(0, 12));
  });
});

describe('EVENT-5 what a leaf tells', () => {
  const [smallest, largest] = [
    '{"action":"a","actor":{"id":"u","type":"t"},"id":"i","outcome":"success","schema":"audit-event/1","time":"2026-11-18T11:06:40Z"}',
    eventVectors.leaves[0]?.event ?? '',
  ];
  const entryOf = (json: string, own: Uint8Array): Buffer => {
    const deps = { hasher, random: systemRandom, origin: 'log.example/audit', publicLabels: [] };
    const event = parseEvent(json);
    const text = eventText(event);
    const sent = { event, text, sent: text, idKey: seed, hasId: true, content: undefined };
    return Buffer.from(sealEvent(deps, sent, { index: 0, receivedMs: 1_795_000_000_000, seed: own }).entry);
  };

  test('neither values nor which members an event has nor how many: leaves differ in 32 bytes of a commitment', () => {
    const [a, b] = [entryOf(smallest, seed), entryOf(largest, new Uint8Array(32).fill(8))];
    expect(parseEvent(largest).data).toBeDefined();
    expect([a.length, a.subarray(0, -32)]).toEqual([b.length, b.subarray(0, -32)]);
    expect(a.subarray(-32)).not.toEqual(b.subarray(-32));
  });

  test('nor that two events are one: the same one under another seed has another commitment', () => {
    const [a, b] = [entryOf(smallest, seed), entryOf(smallest, new Uint8Array(32).fill(8))];
    expect(a.subarray(-32)).not.toEqual(b.subarray(-32));
    expect(entryOf(smallest, seed)).toEqual(a);
  });
});

describe('EVENT-16 keys and digests', () => {
  test('the server hashes as everybody does', () => {
    for (const length of [1, 32, 136, 288])
      expect(Buffer.from(hasher.shake256(bytes('a'), length))).toEqual(
        Buffer.from(portableEventHasher.shake256(bytes('a'), length)),
      );
  });

  test.each([0, 1, 63, 64, 65, 1_000, 4_096, 4_097, 0])('HMAC of %i bytes is that of RFC 2104', (length) => {
    const [key, message] = [randomBytes(32), randomBytes(length)];
    expect(Buffer.from(hmacSha256(key)(message))).toEqual(createHmac('sha256', key).update(message).digest());
    expect(() => hmacSha256(new Uint8Array(65))).toThrow(RangeError);
  });

  test('an id is looked up by an HMAC of tenant and id, which no two share', () => {
    const ids = new IdHasher(seed);
    const expected = createHmac('sha256', seed)
      .update(Buffer.from([1, 0, 4]))
      .update('acmea');
    expect(Buffer.from(ids.keyOf('a', 'acme'))).toEqual(expected.digest());
    const long = 'ä'.repeat(200);
    const pairs = [
      ['a', undefined],
      ['a', ''],
      ['a', 'b'],
      ['ba', ''],
      ['a', long],
      [`${long}a`, ''],
    ] as const;
    const keys = pairs.map(([id, tenant]) => Buffer.from(ids.keyOf(id, tenant)).toString('hex'));
    expect(new Set(keys).size).toBe(pairs.length);
  });

  test('two keys come of one seed, and none is it', () => {
    const encryption = Buffer.from(encryptionKey(hasher, seed)).toString('hex');
    expect(encryption).toMatch(/^[0-9a-f]{64}$/);
    expect(encryption).not.toBe(Buffer.from(seed).toString('hex'));
  });
});

describe('EVENT-16 encrypted bytes', () => {
  const place = placeOf('log.example/audit', 2 ** 40 + 1);
  const sealing = { key: seed, nonce: new Uint8Array(12).fill(1), place };
  const sealed = sealBytes(sealing, bytes('who did what'));

  test('open under their key at their place', () => {
    expect(Buffer.from(openBytes(sealing, sealed)).toString()).toBe('who did what');
    expect(Buffer.from(place).toString('hex')).toBe(
      `${Buffer.from('log.example/audit').toString('hex')}0000010000000001`,
    );
    expect(sealed.length).toBe(12 + 16 + 'who did what'.length);
  });

  const flipped = (at: number): Uint8Array => sealed.map((byte, i) => (i === at ? byte ^ 1 : byte));
  test.each<[string, object, Uint8Array]>([
    ['another key', { key: new Uint8Array(32) }, sealed],
    ['another leaf', { place: placeOf('log.example/audit', 2 ** 40) }, sealed],
    ['another log', { place: placeOf('log.example/main', 2 ** 40 + 1) }, sealed],
    ['another nonce', {}, flipped(0)],
    ['other bytes', {}, flipped(12)],
    ['another tag', {}, flipped(sealed.length - 1)],
    ['no tag', {}, sealed.subarray(0, 27)],
    ['nothing', {}, new Uint8Array(0)],
  ])('and not with %s', (_, change, stored) => {
    expect(() => openBytes({ ...sealing, ...change }, stored)).toThrow(
      expect.objectContaining({ code: 'storage_corrupt' }),
    );
  });
});

describe('random bytes and ids', () => {
  test('no byte of a pool is given out twice', () => {
    let next = 0;
    const random = pooled((length) => Uint8Array.from({ length }, () => next++ % 251));
    const taken = Array.from({ length: 2_000 }, () => random(12));
    const again = new Set(taken.map((part) => Buffer.from(part).toString('hex')));
    expect(again.size).toBe(251);
    expect(pooled(systemRandom)(40_000).length).toBe(40_000);
    const [first, second] = [random(12), random(12)];
    first?.fill(0);
    expect(second?.some((byte) => byte !== 0)).toBe(true);
  });

  test.each([
    [0, '0000000000'],
    [1_469_918_176_385, '01ARYZ6S41'],
    [2 ** 48 - 1, '7ZZZZZZZZZ'],
  ])('a ULID of %i begins with %s', (ms, start) => {
    expect(ulid(ms, new Uint8Array(16))).toBe(`${start}0000000000000000`);
    expect(ulid(ms, new Uint8Array(16).fill(255)).slice(10)).toBe('ZZZZZZZZZZZZZZZZ');
  });
});
