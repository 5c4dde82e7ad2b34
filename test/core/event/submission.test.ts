import { sha256 } from '@noble/hashes/sha2.js';
import { describe, expect, test } from 'vitest';
import { formatBase64, parseBase64 } from '../../../src/core/encoding/base64.ts';
import type { JsonObject, JsonValue } from '../../../src/core/encoding/strict-json.ts';
import { RAW_BYTES_MAX } from '../../../src/core/event/event.ts';
import { readSubmission, type Submission } from '../../../src/core/event/submission.ts';

const MEMBERS = {
  time: '2026-11-23T21:00:00Z',
  action: 'a',
  outcome: 'success',
  actor: { type: 't', id: 'i' },
};
const WHOLE = { ...MEMBERS, schema: 'audit-event/1', id: 'x' };
const RAW = { format: 'f', media_type: 'm' };
/** What a retry is told by, of an event that came without its schema. */
const withSchema = (members: JsonObject): JsonObject => ({ ...members, schema: 'audit-event/1' });
const FACTS = { sha256: formatBase64(sha256(Uint8Array.of(0x61))), size: 1 };

function decoded(text: string): Uint8Array | undefined {
  try {
    return parseBase64(text);
  } catch {
    return undefined;
  }
}

const parsed = (text: Uint8Array): unknown => JSON.parse(Buffer.from(text).toString());

const read = (value: JsonValue): Submission =>
  readSubmission(value, '/3', { sha256, freshId: () => 'fresh', decodeBase64: decoded, formatBase64 });

describe('EVENT-12 what is sent, and what is committed', () => {
  test.each<[string, JsonObject, JsonObject, boolean]>([
    ['all of it', WHOLE, WHOLE, true],
    ['no schema', { ...MEMBERS, id: 'x' }, WHOLE, true],
    ['no id', { ...MEMBERS, schema: 'audit-event/1' }, { ...WHOLE, id: 'fresh' }, false],
    ['neither', MEMBERS, { ...WHOLE, id: 'fresh' }, false],
    [
      'a record that is only described',
      { ...WHOLE, raw: { ...RAW, ...FACTS } },
      { ...WHOLE, raw: { ...RAW, ...FACTS } },
      true,
    ],
  ])('%s', (_, value, event, hasId) => {
    const found = read(value);
    expect([found.event, parsed(found.text), parsed(found.sent)]).toEqual([event, event, withSchema(value)]);
    expect([found.hasId, found.content]).toEqual([hasId, undefined]);
  });

  test.each<[string, JsonObject]>([
    ['alone', {}],
    ['with its facts', FACTS],
    ['with its size', { size: 1 }],
  ])('content %s becomes bytes and facts', (_, facts) => {
    const found = read({ ...MEMBERS, raw: { ...RAW, ...facts, content: 'YQ==' } });
    expect(found.event.raw).toEqual({ ...RAW, ...FACTS });
    expect(parsed(found.sent)).toEqual(withSchema({ ...MEMBERS, raw: { ...RAW, ...FACTS } }));
    expect(found.content).toEqual(Uint8Array.of(0x61));
  });

  test('EVENT-13 one event has one text to be told by, with its schema or without, its members in any order', () => {
    for (const members of [MEMBERS, { ...MEMBERS, id: 'x' }]) {
      const told = [members, withSchema(members), { schema: 'audit-event/1', ...members }];
      const texts = told.map((value) => Buffer.from(read(value).sent).toString());
      expect(new Set(texts).size).toBe(1);
    }
  });

  test('content of 5 MiB is the most', () => {
    const of = (length: number) =>
      read({ ...MEMBERS, raw: { ...RAW, content: formatBase64(new Uint8Array(length)) } });
    expect(of(RAW_BYTES_MAX).content).toHaveLength(RAW_BYTES_MAX);
    const errors = [{ pointer: '/3/raw/content', detail: expect.stringContaining(`${RAW_BYTES_MAX + 1}`) }];
    expect(() => of(RAW_BYTES_MAX + 1)).toThrow(
      expect.objectContaining({ code: 'raw_too_large', details: { errors } }),
    );
  });

  test.each<[string, JsonValue, string, string]>([
    ['a list', [], 'invalid_event', '/3'],
    ['null', null, 'invalid_event', '/3'],
    ['a schema of null', { ...WHOLE, schema: null }, 'invalid_event', '/3/schema'],
    ['another schema, and no id', { ...MEMBERS, schema: 'audit-event/2' }, 'invalid_event', '/3/schema'],
    ['an id of null', { ...WHOLE, id: null }, 'invalid_event', '/3/id'],
    ['raw that is a text', { ...WHOLE, raw: 'content' }, 'invalid_event', '/3/raw'],
    [
      'content that is a number',
      { ...WHOLE, raw: { ...RAW, content: 1 } },
      'invalid_event',
      '/3/raw/content',
    ],
    [
      'content that is no base64',
      { ...WHOLE, raw: { ...RAW, content: 'YQ' } },
      'invalid_event',
      '/3/raw/content',
    ],
    ['another size', { ...WHOLE, raw: { ...RAW, size: 2, content: 'YQ==' } }, 'raw_mismatch', '/3/raw/size'],
    [
      'another digest',
      { ...WHOLE, raw: { ...RAW, sha256: 'a', content: 'YQ==' } },
      'raw_mismatch',
      '/3/raw/sha256',
    ],
  ])('%s is refused', (_, value, code, pointer) => {
    const errors = [{ pointer, detail: expect.stringMatching(/./) }];
    expect(() => read(value)).toThrow(expect.objectContaining({ code, details: { errors } }));
  });
});
