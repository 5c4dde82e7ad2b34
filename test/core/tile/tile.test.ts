import { createHash } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { type Hash, portableHasher } from '../../../src/core/merkle/hasher.ts';
import { decodeBundle, ENTRY_BYTES_MAX, encodeBundle } from '../../../src/core/tile/bundle.ts';
import { edgeRoot, emptyEdge, growEdge } from '../../../src/core/tile/edge.ts';
import { planGrowth } from '../../../src/core/tile/growth.ts';
import {
  formatBundlePath,
  formatTilePath,
  parseBundlePath,
  parseTilePath,
} from '../../../src/core/tile/path.ts';
import { isTileInTree, tileOfNode } from '../../../src/core/tile/tile.ts';
import { treeSize } from '../../../src/core/units.ts';
import { codeOf, entryOf, hex, LARGE_SIZES, readVectors, unhex } from '../merkle/naive-tree.ts';
import { builtSizes } from '../scale.ts';

interface Resource {
  path: string;
  width: number;
  bytes: number;
  sha256: string;
  hex?: string;
}
interface TileVectors {
  index_paths: { n: number; path: string }[];
  path_cases: { path: string; spec_valid: boolean }[];
  bundle_edge: {
    empty_entry_then_x_hex: string;
    malformed_bundles_hex: string[];
    one_entry_of_65535_zero_bytes_sha256: string;
  };
  trees: {
    size: number;
    root: string;
    tile_count: Record<string, number>;
    tiles: Resource[];
    entry_bundles: Resource[];
  }[];
}
const vectors = readVectors<TileVectors>('tiles');
const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');

describe('TILE-1 paths', () => {
  test.each(vectors.index_paths)('index $n is $path', ({ n, path }) => {
    expect(formatTilePath({ level: 0, index: n, width: 256 })).toBe(`tile/0/${path}`);
    expect(parseTilePath(`tile/0/${path}`)).toEqual({ level: 0, index: n, width: 256 });
    expect(parseBundlePath(formatBundlePath({ index: n, width: 5 }))).toEqual({ index: n, width: 5 });
  });
  test.each(vectors.path_cases)('$path: $spec_valid', ({ path, spec_valid }) => {
    const isBundle = path.startsWith('tile/entries/');
    const respelled = (): string =>
      isBundle ? formatBundlePath(parseBundlePath(path)) : formatTilePath(parseTilePath(path));
    expect(codeOf(respelled)).toBe(spec_valid ? 'accepted' : 'malformed_tile_path');
    if (spec_valid) expect(respelled()).toBe(path);
    expect(codeOf(() => (isBundle ? parseTilePath(path) : parseBundlePath(path)))).toBe(
      'malformed_tile_path',
    );
  });
  test.each([
    'tile/0/x009/x007/x199/x254/x740/992',
    'tile/0/x001/x000/x000/x000/x000/x000/000',
    'tile/0/000\n',
    '',
    'tile/99/000',
  ])('refuses %j', (path) => expect(codeOf(() => parseTilePath(path))).toBe('malformed_tile_path'));
  test.each([
    [64, 0, 1],
    [-1, 0, 1],
    [0, -1, 1],
    [0, 2 ** 53, 1],
    [0, 0, 0],
    [0, 0, 257],
    [0.5, 0, 1],
    [0, 0, 1.5],
  ])('level %d, index %d, width %d is no tile', (level, index, width) =>
    expect(() => formatTilePath({ level, index, width })).toThrow(RangeError));
});

describe('TILE-2 which tiles a tree has', () => {
  test.each([
    [0, 0, 1, 0, false],
    [0, 0, 1, 1, true],
    [0, 0, 256, 255, false],
    [0, 0, 256, 256, true],
    [1, 0, 1, 255, false],
    [1, 0, 1, 256, true],
    [0, 273, 112, 70_000, true],
    [0, 273, 113, 70_000, false],
    [2, 0, 1, 65_536, true],
    [6, 0, 31, 2 ** 53 - 1, true],
    [6, 0, 32, 2 ** 53 - 1, false],
    [63, 0, 1, 2 ** 53 - 1, false],
    [0, 2 ** 45 - 1, 255, 2 ** 53 - 1, true],
    [0, 2 ** 45 - 1, 256, 2 ** 53 - 1, false],
    [0, 2 ** 53 - 1, 1, 2 ** 53 - 1, false],
  ])('level %i, index %i, width %i in size %i: %s', (level, index, width, size, expected) => {
    expect(isTileInTree({ level, index, width }, treeSize(size))).toBe(expected);
  });
  test('nodes lie at height 0 to 7 of a tile', () => {
    expect(tileOfNode({ level: 7, index: 3 })).toEqual({
      tile: { level: 0, index: 1 },
      height: 7,
      offset: 1,
    });
    expect(tileOfNode({ level: 8, index: 257 })).toEqual({
      tile: { level: 1, index: 1 },
      height: 0,
      offset: 1,
    });
    expect(tileOfNode({ level: 0, index: 2 ** 53 - 2 })).toEqual({
      tile: { level: 0, index: 2 ** 45 - 1 },
      height: 0,
      offset: 254,
    });
  });
});

describe('TILE-3 tiles of the vectors', () => {
  const sizes = builtSizes(vectors.trees.map(({ size }) => size));
  const trees = vectors.trees.filter(({ size }) => sizes.includes(size));
  const largest = sizes.at(-1) ?? 0;
  const leafHashes: Hash[] = Array.from({ length: largest }, (_, i) => portableHasher.leafHash(entryOf(i)));
  test.each(trees)('size $size', ({ size, root, tile_count, tiles, entry_bundles }) => {
    const { edge, sealed } = growEdge(portableHasher, emptyEdge(portableHasher), leafHashes.slice(0, size));
    expect(hex(edgeRoot(portableHasher, edge))).toBe(root);
    const planned = planGrowth(treeSize(0), treeSize(size));
    const counts: Record<string, number> = {};
    for (const { level, width } of planned) {
      const kind = `L${level}_${width === 256 ? 'full' : 'partial'}`;
      counts[kind] = (counts[kind] ?? 0) + 1;
    }
    expect(counts).toEqual(tile_count);
    expect(sealed.map(({ level, index }) => ({ level, index, width: 256 }))).toEqual(
      planned.filter((t) => t.width === 256),
    );
    for (const tile of tiles) {
      const { level, index, width } = parseTilePath(tile.path);
      const nodes = sealed.find((s) => s.level === level && s.index === index)?.nodes ?? edge.tiles[level];
      expect([tile.path, sha256(nodes?.leaves(width) ?? new Uint8Array())]).toEqual([tile.path, tile.sha256]);
    }
    for (const { path, sha256: digest } of entry_bundles) {
      const { index, width } = parseBundlePath(path);
      expect(sha256(encodeBundle(Array.from({ length: width }, (_, i) => entryOf(index * 256 + i))))).toBe(
        digest,
      );
    }
  });
});

describe('TILE-4 entry bundles', () => {
  test('round trip, with an empty entry and the longest one', () => {
    expect(hex(encodeBundle([new Uint8Array(0), entryOf(0).fill(0x78)]))).toBe(
      vectors.bundle_edge.empty_entry_then_x_hex,
    );
    const longest = encodeBundle([new Uint8Array(ENTRY_BYTES_MAX)]);
    expect(sha256(longest)).toBe(vectors.bundle_edge.one_entry_of_65535_zero_bytes_sha256);
    const entries = Array.from({ length: 256 }, (_, i) => new Uint8Array(i).fill(i));
    expect(decodeBundle(encodeBundle(entries), { count: 256 })).toEqual(entries);
    expect(decodeBundle(longest)).toEqual([new Uint8Array(ENTRY_BYTES_MAX)]);
    expect(decodeBundle(new Uint8Array(0))).toEqual([]);
  });
  test.each(vectors.bundle_edge.malformed_bundles_hex)('refuses %s', (bytes) => {
    expect(codeOf(() => decodeBundle(unhex(bytes)))).toBe('malformed_bundle');
  });
  test('refuses another number of entries', () => {
    expect(codeOf(() => decodeBundle(unhex('00000000'), { count: 1 }))).toBe('malformed_bundle');
    expect(codeOf(() => decodeBundle(unhex('00000000'), { count: 3 }))).toBe('malformed_bundle');
    expect(codeOf(() => decodeBundle(new Uint8Array(2 * 257)))).toBe('malformed_bundle');
  });
  test('does not make what it could not read', () => {
    expect(() => encodeBundle([new Uint8Array(ENTRY_BYTES_MAX + 1)])).toThrow(RangeError);
    expect(() => encodeBundle(Array.from({ length: 257 }, () => new Uint8Array(0)))).toThrow(RangeError);
  });
});

describe('TILE-5 growth', () => {
  test('nothing, shrinking, and tiles that are widened', () => {
    expect(planGrowth(treeSize(70), treeSize(70))).toEqual([]);
    expect(() => planGrowth(treeSize(1), treeSize(0))).toThrow(RangeError);
    expect(planGrowth(treeSize(255), treeSize(257)).map(formatTilePath)).toEqual([
      'tile/0/000',
      'tile/0/001.p/1',
      'tile/1/000.p/1',
    ]);
    expect(planGrowth(treeSize(256), treeSize(257)).map(formatTilePath)).toEqual(['tile/0/001.p/1']);
  });
  test.each(
    LARGE_SIZES.filter((size) => size > 0),
  )('the step to size %i names only tiles that are new in it', (size) => {
    const before = treeSize(size - 1);
    for (const tile of planGrowth(before, size)) {
      expect([isTileInTree(tile, before), isTileInTree(tile, size)]).toEqual([false, true]);
    }
  });
});
