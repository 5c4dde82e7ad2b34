import { describe, expect, test } from 'vitest';
import { concatBytes, equalBytes, SharedMemory } from '../../src/core/bytes.ts';

describe('bytes', () => {
  test.each<[readonly number[], readonly number[], boolean]>([
    [[], [], true],
    [[1, 2], [1, 2], true],
    [[1, 2], [1, 3], false],
    [[1, 2], [0, 2], false],
    [[], [1], false],
    [[1], [], false],
    [[1], [1, 2], false],
    [[1, 2], [1], false],
  ])('%j and %j are the same: %s', (a, b, isSame) => {
    expect(equalBytes(Uint8Array.from(a), Uint8Array.from(b))).toBe(isSame);
  });

  test('put together are those of all parts in their order, in memory of their own', () => {
    const parts = [Uint8Array.of(1, 2), Uint8Array.of(), Uint8Array.of(3)];
    expect([...concatBytes(...parts)]).toEqual([1, 2, 3]);
    expect(concatBytes()).toHaveLength(0);
    const [first = new Uint8Array()] = parts;
    const joined = concatBytes(first);
    joined.fill(0);
    expect([...first]).toEqual([1, 2]);
  });
});

describe('memory that is shared', () => {
  test('no byte is given out twice, whatever was given back', () => {
    const memory = new SharedMemory();
    const parts = Array.from({ length: 400 }, (_, i) =>
      i % 3 === 0
        ? memory.take(i)
        : memory.fill(3 * i, (room) => {
            room.fill(255);
            return i;
          }),
    );
    for (const [i, part] of parts.entries()) part.fill(i % 251);
    const isWhole = parts.map((part, i) => part.length === i && part.every((byte) => byte === i % 251));
    expect(isWhole).not.toContain(false);
    expect(new Set(parts.map(({ buffer }) => buffer)).size).toBeLessThan(5);
  });

  test.each([
    [0, 64 * 1024, undefined],
    [16 * 1024, 64 * 1024, undefined],
    [16 * 1024 + 1, 16 * 1024 + 1, undefined],
    [100, 400, 400],
    [101, 101, 400],
  ])('%i bytes are a part of %i', (length, whole, shared) => {
    const memory = new SharedMemory(shared);
    memory.take(1);
    expect([memory.take(length).length, memory.take(length).buffer.byteLength]).toEqual([length, whole]);
    expect(memory.fill(length, (room) => room.length).length).toBe(length);
    expect(memory.take(length)).not.toBe(memory.take(length));
  });

  test('what was not written to is given out next', () => {
    const memory = new SharedMemory();
    const first = memory.fill(100, () => 10);
    expect(memory.take(1).byteOffset).toBe(first.byteOffset + 10);
  });

  test('giving back what was too long for it leaves it as it is', () => {
    const memory = new SharedMemory();
    const before = memory.take(8);
    expect(memory.fill(20_000, () => 20_000 - 8)).toHaveLength(20_000 - 8);
    memory.take(8).fill(1);
    expect([...before]).toEqual(new Array(8).fill(0));
  });
});
