import { describe, expect, test } from 'vitest';
import { leafIndex, treeSize } from '../../src/core/units.ts';
import {
  bundleKey,
  decodeIndex,
  decodeKept,
  decodeRetry,
  decodeState,
  edgeKey,
  encodeIndex,
  encodeKept,
  encodeRetry,
  encodeState,
  keptKey,
  leafKey,
  missingBefore,
  OPEN_KEY,
  retryKey,
  STATE_KEY,
  tileKey,
} from '../../src/store/rows.ts';

const BYTES_32 = Uint8Array.from({ length: 32 }, (_, i) => i);
const HEX_16 = '000102030405060708090a0b0c0d0e0f';
const HEX_32 = `${HEX_16}101112131415161718191a1b1c1d1e1f`;

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');

describe('STORE-4 rows as they lie on disk', () => {
  test.each([
    ['state', STATE_KEY, '73'],
    ['edge record', edgeKey(258), '650000000000000102'],
    ['bundle', bundleKey(2 ** 32 + 1), '620000000100000001'],
    ['tile', tileKey(3, 257), '74030000000000000101'],
    ['leaf hash', leafKey(BYTES_32), `68${HEX_16}`],
    ['retry', retryKey(BYTES_32), `6b${HEX_32}`],
    ['kept head', keptKey(2 ** 53 - 1), '63001fffffffffffff'],
    ['clean stop', OPEN_KEY, '6f'],
  ])('key of %s', (_, key, bytes) => {
    expect(hex(key)).toBe(bytes);
  });

  const state = { size: treeSize(2 ** 53 - 1), rootHash: BYTES_32, committedAtMs: 2 ** 40 + 1, keptEnd: 0 };
  const keeping = { ...state, keptEnd: 2 ** 53 - 1 };
  const stateHex = `001fffffffffffff${HEX_32}0000010000000001`;
  const retry = { firstIndex: leafIndex(257), count: 4096, contentHash: BYTES_32 };
  const index = leafIndex(2 ** 32);

  test.each([
    ['state', encodeState(state), stateHex, decodeState, state],
    ['state after a kept head', encodeState(keeping), `${stateHex}001fffffffffffff`, decodeState, keeping],
    ['retry', encodeRetry(retry), `00000000000001011000${HEX_32}`, decodeRetry, retry],
    ['leaf index', encodeIndex(index), '0000000100000000', decodeIndex, index],
  ])('value of %s, which is read back and refused when cut', (_, value, bytes, decode, read) => {
    expect(hex(value)).toBe(bytes);
    expect(decode(value)).toEqual(read);
    expect(() => decode(value.subarray(1))).toThrow(expect.objectContaining({ code: 'storage_corrupt' }));
  });

  const note = Buffer.from('log.example\n');
  test.each([
    ['without a link', { keptEnd: 0, note }, hex(note)],
    ['with a link', { keptEnd: 257, note }, `0000000000000101${hex(note)}`],
    ['with the longest link', { keptEnd: 2 ** 53 - 1, note }, `001fffffffffffff${hex(note)}`],
  ])('value of a kept head %s, which is read back', (_, row, bytes) => {
    expect(hex(encodeKept(row))).toBe(bytes);
    const read = decodeKept(encodeKept(row));
    expect([read.keptEnd, hex(read.note)]).toEqual([row.keptEnd, hex(note)]);
  });

  test('STORE-12 a state that names none in a number of its own is no state', () => {
    const state = { size: treeSize(1), rootHash: BYTES_32, committedAtMs: 1, keptEnd: 0 };
    const spelled = Buffer.concat([encodeState(state), Buffer.alloc(8)]);
    expect(() => decodeState(spelled)).toThrow(expect.objectContaining({ code: 'storage_corrupt' }));
  });

  test.each([
    ['nothing kept', 0, 0, undefined],
    ['no link known', 7, 0, undefined],
    ['the head that was read', 8, 8, undefined],
    ['reading began behind it', 9, 8, undefined],
    ['a head that was not read', 7, 8, 7],
    ['the head of size 0', 0, 1, 0],
  ])('STORE-12 a link tells what is missing: %s', (_, end, keptEnd, missing) => {
    expect(missingBefore(end, keptEnd)).toBe(missing);
  });
});
