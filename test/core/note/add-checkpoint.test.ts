import { describe, expect, test } from 'vitest';
import {
  type AddCheckpoint,
  formatAddCheckpoint,
  parseAddCheckpoint,
} from '../../../src/core/note/add-checkpoint.ts';
import { treeSize } from '../../../src/core/units.ts';

const hash = (byte: number): Uint8Array => new Uint8Array(32).fill(byte);
const read = (text: string): AddCheckpoint => parseAddCheckpoint(new TextEncoder().encode(text));
const ZERO = `${'A'.repeat(43)}=`;

describe('WITNESS-1 the body of a request to cosign', () => {
  test.each<[string, AddCheckpoint]>([
    ['no hash', { oldSize: treeSize(0), proof: [], note: 'text\n\n— w AAAAAAA=\n' }],
    ['one hash', { oldSize: treeSize(7), proof: [hash(1)], note: 'n' }],
    [
      '63 hashes',
      { oldSize: treeSize(2 ** 53 - 1), proof: Array.from({ length: 63 }, (_, i) => hash(i)), note: '' },
    ],
    ['a note with empty lines', { oldSize: treeSize(1), proof: [], note: '\n\n\n' }],
  ])('%s is read as it was written', (_, request) => {
    expect(read(formatAddCheckpoint(request))).toEqual(request);
  });

  test('is spelled as c2sp.org/tlog-witness has it', () => {
    const request = { oldSize: treeSize(7), proof: [hash(0)], note: 'note' };
    expect(formatAddCheckpoint(request)).toBe(`old 7\n${ZERO}\n\nnote`);
  });

  test.each([
    ['nothing', ''],
    ['no empty line', 'old 7\n'],
    ['no old', '\n\nn'],
    ['another word', 'new 7\n\nn'],
    ['no size', 'old \n\nn'],
    ['a leading zero', 'old 07\n\nn'],
    ['a sign', 'old +7\n\nn'],
    ['two spaces', 'old  7\n\nn'],
    ['a size over 2^53 - 1', 'old 9007199254740992\n\nn'],
    ['64 hashes', `old 7\n${`${ZERO}\n`.repeat(64)}\nn`],
    ['no base64', 'old 7\n!\n\nn'],
    ['spare bits', `old 7\n${'A'.repeat(42)}B=\n\nn`],
    ['31 bytes', `old 7\n${Buffer.alloc(31).toString('base64')}\n\nn`],
  ])('refuses %s', (_, text) => {
    expect(() => read(text)).toThrow(expect.objectContaining({ code: 'malformed_add_checkpoint' }));
  });

  test('refuses what is not UTF-8, and writes nothing that could not be read', () => {
    const refused = expect.objectContaining({ code: 'malformed_add_checkpoint' });
    expect(() => parseAddCheckpoint(Uint8Array.of(0x6f, 0xff, 10, 10))).toThrow(refused);
    const of = (proof: Uint8Array[]) => () => formatAddCheckpoint({ oldSize: treeSize(1), proof, note: '' });
    expect(of(Array.from({ length: 64 }, () => hash(1)))).toThrow(RangeError);
    expect(of([new Uint8Array(31)])).toThrow(RangeError);
  });
});
