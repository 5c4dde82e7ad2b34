import { describe, expect, test } from 'vitest';
import { compareWithMark, type Mark } from '../../src/client/mark.ts';
import { treeSize } from '../../src/core/units.ts';

function mark(size: number, root = 0): Mark {
  return { size: treeSize(size), rootHash: new Uint8Array(32).fill(root), note: `${size}/${root}` };
}

describe('CLIENT-3 one mark a source', () => {
  test('the same and a larger head are taken', () => {
    expect(compareWithMark(mark(5), mark(5))).toBe('same');
    expect(compareWithMark(mark(5), mark(6, 1))).toBe('grown');
  });

  test.each([
    ['rollback', mark(4)],
    ['fork', mark(5, 1)],
  ])('%s carries both notes', (code, fresh) => {
    expect(() => compareWithMark(mark(5), fresh)).toThrow(
      expect.objectContaining({
        code,
        details: expect.objectContaining({ keptNote: '5/0', freshNote: fresh.note }),
      }),
    );
  });
});
