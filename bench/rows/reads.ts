import { formatBundlePath, formatTilePath } from '../../src/core/tile/path.ts';
import { TILE_WIDTH } from '../../src/core/tile/tile.ts';
import type { Bench, Row } from '../harness/bench.ts';
import { seededRandom } from '../harness/entries.ts';
import type { Goal } from '../harness/finding.ts';
import { startBare } from '../peers/bare.ts';
import { get, type SteleServer, serveStele } from '../peers/stele.ts';
import { filledEntries, filledLog, startFilledTessera } from './filled-log.ts';
import { type Reference, rowOf, type SteleAtWork, underLoad } from './work.ts';

const CONNECTIONS = 32;

/** Makes paths below a log of so many entries, a new one each call. */
type Paths = (size: number, random: () => number) => () => string;

/** A kind of read: what it asks, and what it should reach. */
interface Read {
  readonly name: string;
  readonly title: string;
  readonly paths: Paths;
  readonly bareGoal: Goal | undefined;
  readonly headers?: Readonly<Record<string, string>>;
  /** The peer has the same path; with a goal or to be shown. */
  readonly tessera?: { readonly goal?: Goal };
}

const fullTiles = (size: number): number => Math.floor(size / TILE_WIDTH);

const checkpoint: Paths = () => () => 'checkpoint';
const tiles: Paths = (size, random) => () =>
  formatTilePath({ level: 0, index: Math.floor(random() * fullTiles(size)), width: TILE_WIDTH });
const bundles: Paths = (size, random) => () =>
  formatBundlePath({ index: Math.floor(random() * fullTiles(size)), width: TILE_WIDTH });
const byIndex: Paths = (size, random) => () => `proofs/inclusion?index=${Math.floor(random() * size)}`;
const consistency: Paths = (size, random) => () => {
  const from = 1 + Math.floor(random() * (size - 1));
  return `proofs/consistency?from=${from}&to=${from + 1 + Math.floor(random() * (size - from))}`;
};

async function open(bench: Bench, { paths, headers = {} }: Read): Promise<SteleAtWork> {
  const server = await serveStele(bench, await filledLog(bench));
  const next = await pathsOn(server, bench, paths);
  const answer = await get(server, next(), headers);
  const { url, pid } = server;
  const ask = (): { path: string } => ({ path: `/logs/main/${next()}` });
  return {
    server,
    answer,
    load: { url, pid, method: 'GET', headers, connections: CONNECTIONS, ask, worth: 1 },
  };
}

async function pathsOn(server: SteleServer, bench: Bench, paths: Paths): Promise<() => string> {
  const random = seededRandom(1);
  return paths === byLeafHash ? leafHashPaths(server, bench, random) : paths(filledEntries(bench), random);
}

/** Leaf hashes are looked up in tiles first, so this kind of path takes a server to make. */
const byLeafHash: Paths = () => () => '';
const HASH_TILES = 200;
const HASH_BYTES = 32;

async function leafHashPaths(server: SteleServer, bench: Bench, random: () => number): Promise<() => string> {
  const path = tiles(filledEntries(bench), random);
  const read = await Promise.all(Array.from({ length: HASH_TILES }, () => get(server, path())));
  const hashes = Buffer.concat(read.map((tile) => tile.bytes));
  return () => {
    const at = Math.floor((random() * hashes.length) / HASH_BYTES) * HASH_BYTES;
    return `proofs/inclusion?leafHash=${hashes.toString('hex', at, at + HASH_BYTES)}`;
  };
}

function bare({ bareGoal }: Read): Reference {
  return {
    name: 'bare',
    goals: [{ metric: 'perSec', ...(bareGoal && { goal: bareGoal }) }],
    open: async (bench, stele) => {
      const child = await startBare(bench, stele.answer);
      return underLoad('bare', child, { ...stele.load, url: child.url, pid: child.pid });
    },
  };
}

function tessera({ paths, tessera: { goal } = {} }: Read): Reference {
  return {
    name: 'Tessera',
    fullOnly: goal === undefined,
    goals: [{ metric: 'perSec', ...(goal && { goal }) }],
    open: async (bench, stele) => {
      const filled = await startFilledTessera(bench);
      if (filled === undefined) return undefined;
      const { child, size } = filled;
      const next = paths(size, seededRandom(1));
      return underLoad('Tessera', child, {
        ...stele.load,
        url: child.url,
        pid: child.pid,
        ask: () => ({ path: `/${next()}` }),
      });
    },
  };
}

function readRow(read: Read): Row {
  const { name, title } = read;
  const references = [bare(read), ...(read.tessera === undefined ? [] : [tessera(read)])];
  return rowOf({
    name,
    title: `${title}, ${CONNECTIONS} connections`,
    unit: 'req/s',
    open: (bench) => open(bench, read),
    references,
  });
}

const SAME = { atLeast: 0.85 };
const PROOF = { atLeast: 0.65 };

/** Reads of a checkpoint, tiles and bundles, and of proofs random over the tree. */
export const readRows: readonly Row[] = [
  { name: 'get-checkpoint', title: 'checkpoint', paths: checkpoint, bareGoal: SAME, tessera: {} },
  { name: 'get-tile', title: 'full tile', paths: tiles, bareGoal: SAME, tessera: { goal: { atLeast: 1.5 } } },
  { name: 'get-bundle', title: 'entry bundle', paths: bundles, bareGoal: SAME, tessera: {} },
  {
    name: 'get-bundle-gzip',
    title: 'entry bundle, gzip',
    paths: bundles,
    bareGoal: undefined,
    headers: { 'Accept-Encoding': 'gzip' },
  },
  { name: 'prove-index', title: 'inclusion proof by index', paths: byIndex, bareGoal: PROOF },
  { name: 'prove-hash', title: 'inclusion proof by leaf hash', paths: byLeafHash, bareGoal: PROOF },
  { name: 'prove-consistency', title: 'consistency proof', paths: consistency, bareGoal: PROOF },
].map(readRow);
