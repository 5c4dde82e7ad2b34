import { describe, expect, test } from 'vitest';
import { parseHex } from '../../../src/core/encoding/hex.ts';
import { TlogError } from '../../../src/core/error.ts';
import { portableEventHasher as hasher } from '../../../src/core/event/commitment.ts';
import {
  type DisclosureFile,
  discloseEvent,
  readDisclosure,
  verifyDisclosure,
  withholdSlots,
} from '../../../src/core/event/disclosure.ts';
import {
  DISCLOSURE_LENGTH_MAX,
  formatDisclosure,
  isDisclosure,
  parseDisclosure,
} from '../../../src/core/event/disclosure-file.ts';
import { parseEvent } from '../../../src/core/event/event.ts';
import { SLOT_NAMES } from '../../../src/core/event/slots.ts';
import { createNoteVerifier } from '../../../src/core/note/verifier.ts';
import { leafIndex } from '../../../src/core/units.ts';
import { ed25519Verify } from '../../../src/runtime/ed25519.ts';
import { eventVectors, factsOf } from './vectors.ts';

const { origin, vkey, leaves, disclosures } = eventVectors;
const expected = { origin, logVerifiers: [createNoteVerifier(vkey, ed25519Verify)] };

type Json = Record<string, unknown>;
/** The file of a disclosure with some members of the disclosure changed. */
function changed(index: number, change: (disclosure: Json) => Json): string {
  const { file } = disclosures[index] ?? { file: { disclosure: {}, receipt: {} } };
  return JSON.stringify({ ...file, disclosure: change(structuredClone(file.disclosure)) });
}
const put = (members: Json) => (disclosure: Json) => ({ ...disclosure, ...members });
/** A change of one slot. */
const slot =
  (at: number, change: (shown: Json) => Json) =>
  (disclosure: Json): Json => ({
    ...disclosure,
    slots: (disclosure['slots'] as Json[]).map((shown, i) => (i === at ? change(shown) : shown)),
  });

async function refusalOf(text: string): Promise<readonly unknown[]> {
  try {
    await verifyDisclosure(hasher, parseDisclosure(text), expected);
    return ['verified'];
  } catch (error) {
    if (!(error instanceof TlogError)) throw error;
    const errors = (error.details['errors'] ?? []) as readonly { pointer: string }[];
    return [error.code, ...errors.map(({ pointer }) => pointer)];
  }
}

describe('EVENT-8 EVENT-10 disclosures that are true', () => {
  test.each(disclosures)('$name', async ({ index, withheld, file }) => {
    const read = parseDisclosure(JSON.stringify(file));
    const checkpoint = await verifyDisclosure(hasher, read, expected);
    expect([checkpoint.origin, checkpoint.size]).toEqual([origin, leaves.length]);

    const { event, states } = readDisclosure(read.disclosure);
    const hidden = withheld.length === 0 ? [] : [...withheld, 'raw'];
    const values = leaves[index]?.values ?? [];
    const shown = SLOT_NAMES.map((name, i) =>
      hidden.includes(name) ? 'withheld' : values[i] === null ? 'empty' : 'shown',
    );
    expect(Object.values(states)).toEqual(shown);
    const members = values.filter((_, i) => shown[i] === 'shown').map((value) => JSON.parse(String(value)));
    expect(event).toEqual(Object.assign({}, ...members));
  });

  test('are written in the one form in which they are read', () => {
    for (const { file } of disclosures) {
      const text = formatDisclosure(parseDisclosure(JSON.stringify(file)));
      expect(JSON.parse(text)).toEqual(file);
      expect(formatDisclosure(parseDisclosure(text))).toBe(text);
      expect(isDisclosure(text)).toBe(true);
    }
  });

  test.each([
    ['a receipt', JSON.stringify(disclosures[0]?.file.receipt)],
    ['a text that quotes one', JSON.stringify({ checkpoint: '{"disclosure":{}}' })],
    ['a list', '[{"disclosure":1}]'],
  ])('%s is no disclosure', (_, text) => {
    expect(isDisclosure(text)).toBe(false);
  });
});

describe('EVENT-9 making and withholding', () => {
  test.each(disclosures.filter(({ index }) => leaves[index]?.type === 0))('$name', ({
    index,
    withheld,
    file,
  }) => {
    const vector = leaves[index];
    if (vector === undefined) throw new RangeError('a disclosure without leaf');
    const facts = { ...factsOf(vector), leafIndex: leafIndex(index), seed: parseHex(vector.seed) };
    const whole = discloseEvent(hasher, parseEvent(vector.event), facts);
    const { receipt } = parseDisclosure(JSON.stringify(file));
    const disclosure = withholdSlots(hasher, whole, withheld);
    expect(JSON.parse(formatDisclosure({ disclosure, receipt }))).toEqual(file);
    expect(withholdSlots(hasher, disclosure, withheld)).toEqual(disclosure);
  });
});

const zeros = `${'A'.repeat(43)}=`;
const value = (members: Json) => (shown: Json) => ({ ...shown, value: members });

describe('EVENT-10 disclosures that are not true', () => {
  test.each<[string, string, string]>([
    ['nothing changed', changed(0, (same) => same), 'verified'],
    ['another actor', changed(0, slot(2, value({ actor: { type: 'user', id: 'u-18' } }))), 'entry_mismatch'],
    ['a member less', changed(0, slot(4, value({ source: {} }))), 'entry_mismatch'],
    [
      'a slot said to be empty',
      changed(
        0,
        slot(7, (shown) => ({ ...shown, value: null })),
      ),
      'entry_mismatch',
    ],
    ['an empty slot said to hold nothing', changed(4, slot(7, value({ data: {} }))), 'entry_mismatch'],
    [
      'another salt',
      changed(
        0,
        slot(8, (shown) => ({ ...shown, salt: zeros })),
      ),
      'entry_mismatch',
    ],
    [
      'another digest',
      changed(
        1,
        slot(2, (shown) => ({ ...shown, digest: zeros })),
      ),
      'entry_mismatch',
    ],
    ['another time', changed(0, put({ received: 1 })), 'entry_mismatch'],
    ['a label more', changed(0, put({ labels: { kind: 'data' } })), 'entry_mismatch'],
    ['a label of a core that is withheld', changed(7, put({ labels: { kind: 'api' } })), 'entry_mismatch'],
    ['other marks', changed(8, put({ marks: '' })), 'entry_mismatch'],
    ['other content', changed(9, put({ content: 'oA==' })), 'entry_mismatch'],
    ['another leaf', changed(0, put({ leafIndex: 1 })), 'entry_mismatch'],
    ['content that is no CBOR', changed(9, put({ content: '/w==' })), 'malformed_leaf'],
    ['an event with content', changed(0, put({ content: 'oA==' })), 'malformed_leaf'],
    ['an erasure without', changed(9, ({ content: _, ...rest }) => rest), 'malformed_leaf'],
    ['marks of a byte', changed(8, put({ marks: 'AA==' })), 'malformed_leaf'],
  ])('%s', async (_, text, code) => {
    expect(await refusalOf(text)).toEqual([code]);
  });

  test('a receipt is checked as all receipts are', async () => {
    const { disclosure, receipt } = parseDisclosure(changed(0, (same) => same));
    const refused = (other: DisclosureFile['receipt'], trust = expected) =>
      verifyDisclosure(hasher, { disclosure, receipt: other }, trust).then(
        () => 'verified',
        (error: TlogError) => error.code,
      );
    expect(await refused({ ...receipt, inclusionProof: [] })).toBe('malformed_proof');
    expect(await refused({ ...receipt, checkpoint: receipt.checkpoint.replace('\n7\n', '\n8\n') })).toBe(
      'bad_signature',
    );
    expect(await refused(receipt, { ...expected, origin: 'other' })).toBe('wrong_origin');
  });
});

describe('EVENT-8 the file', () => {
  const at = (place: string): string[] => ['malformed_disclosure', place];
  const core = (change: Json) =>
    slot(0, (shown) => ({ ...shown, value: { ...(shown['value'] as Json), ...change } }));
  test.each<[string, string, readonly string[]]>([
    ['no JSON', 'x', at('')],
    ['a list', '[]', at('')],
    ['no disclosure', '{"receipt":{}}', at('/disclosure')],
    ['a member more', changed(0, put({ more: 1 })), at('/disclosure/more')],
    ['version 2', changed(0, put({ version: 2 })), at('/disclosure/version')],
    ['type 5', changed(0, put({ type: 5 })), at('/disclosure/type')],
    ['a negative index', changed(0, put({ leafIndex: -1 })), at('/disclosure/leafIndex')],
    ['a time that is a text', changed(0, put({ received: '1' })), at('/disclosure/received')],
    ['labels of no label', changed(0, put({ labels: {} })), at('/disclosure/labels')],
    ['labels that are a text', changed(0, put({ labels: 'kind' })), at('/disclosure/labels')],
    [
      'a label that is not public',
      changed(0, put({ labels: { tenant: 'a' } })),
      at('/disclosure/labels/tenant'),
    ],
    ['marks that are no base64', changed(0, put({ marks: 'A' })), at('/disclosure/marks')],
    ['marks that are long', changed(0, put({ marks: 'A'.repeat(90_004) })), at('/disclosure/marks')],
    ['no slots', changed(0, put({ slots: {} })), at('/disclosure/slots')],
    ['no slot', changed(0, put({ slots: [] })), at('/disclosure/slots')],
    [
      'a slot that is a number',
      changed(
        0,
        slot(1, () => 1 as unknown as Json),
      ),
      at('/disclosure/slots/1'),
    ],
    [
      'another number',
      changed(
        0,
        slot(1, (shown) => ({ ...shown, slot: 2 })),
      ),
      at('/disclosure/slots/1/slot'),
    ],
    [
      'a short salt',
      changed(
        0,
        slot(1, (shown) => ({ ...shown, salt: 'AAAA' })),
      ),
      at('/disclosure/slots/1/salt'),
    ],
    [
      'salt and digest',
      changed(
        0,
        slot(1, (shown) => ({ slot: 1, salt: shown['salt'], digest: zeros })),
      ),
      at('/disclosure/slots/1/salt'),
    ],
    [
      'a value that is a text',
      changed(
        0,
        slot(1, (shown) => ({ ...shown, value: 'a' })),
      ),
      at('/disclosure/slots/1/value'),
    ],
    [
      'an empty core of an event',
      changed(
        0,
        slot(0, (shown) => ({ ...shown, value: null })),
      ),
      at('/disclosure/slots/0/value'),
    ],
    [
      'an empty actor of an event',
      changed(
        0,
        slot(2, (shown) => ({ ...shown, value: null })),
      ),
      at('/disclosure/slots/2/value'),
    ],
    [
      'an actor in another slot',
      changed(0, slot(1, value({ actor: { type: 't', id: 'i' } }))),
      at('/disclosure/slots/1/value/actor'),
    ],
    [
      'an actor without id',
      changed(0, slot(2, value({ actor: { type: 't' } }))),
      at('/disclosure/slots/2/value/actor/id'),
    ],
    ['another schema', changed(0, core({ schema: 'audit-event/2' })), at('/disclosure/slots/0/value/schema')],
    [
      'a label that the core has not',
      changed(4, put({ labels: { kind: 'api' } })),
      at('/disclosure/labels/kind'),
    ],
    ['a label of an empty core', changed(9, put({ labels: { kind: 'api' } })), at('/disclosure/labels/kind')],
    [
      'a label that the core has otherwise',
      changed(6, put({ labels: { outcome: 'success' } })),
      at('/disclosure/labels/outcome'),
    ],
    [
      'a member twice',
      changed(0, (same) => same).replace('"version"', '"leafIndex":0,"version"'),
      at('/disclosure/leafIndex'),
    ],
    [
      'a value nested 33 deep',
      changed(0, slot(7, value({ data: deep(32) }))),
      at(`/disclosure/slots/7/value/data${'/a'.repeat(31)}`),
    ],
    ['too long', `{"disclosure":1}${' '.repeat(DISCLOSURE_LENGTH_MAX)}`, at('')],
    [
      'no receipt',
      JSON.stringify({ disclosure: disclosures[0]?.file.disclosure, receipt: 1 }),
      ['malformed_proof'],
    ],
  ])('refused: %s', async (_, text, refusal) => {
    expect(await refusalOf(text)).toEqual(refusal);
  });

  test('5,000,000 characters are read', async () => {
    const text = changed(0, (same) => same);
    expect(await refusalOf(text.padEnd(DISCLOSURE_LENGTH_MAX))).toEqual(['verified']);
  });

  test.each([
    ['\n\t{ "disclosure" : 1 }', true],
    ['{"receipt":1,"disclosure":{}}', true],
    ['{"disclosures":1}', false],
    ['"disclosure":1', false],
  ])('%j says that it is one: %s', (text, says) => {
    expect(isDisclosure(text)).toBe(says);
  });

  test('a value nested 32 deep is read', async () => {
    expect(await refusalOf(changed(0, slot(7, value({ data: deep(31) }))))).toEqual(['entry_mismatch']);
  });
});

function deep(levels: number): Json {
  return levels === 1 ? { a: 0 } : { a: deep(levels - 1) };
}
