import { randomBytes } from 'node:crypto';
import { access } from 'node:fs/promises';
import { consistencyPlan, verifyConsistency } from '../../src/core/merkle/consistency.ts';
import { type Hash, portableHasher } from '../../src/core/merkle/hasher.ts';
import { inclusionPlan, verifyInclusion } from '../../src/core/merkle/inclusion.ts';
import type { NodeId } from '../../src/core/merkle/node.ts';
import { assembleProof } from '../../src/core/merkle/proof-plan.ts';
import { rootFromNodes, rootNodes } from '../../src/core/merkle/root.ts';
import { formatCheckpoint, verifyCheckpoint } from '../../src/core/note/checkpoint.ts';
import { formatNote, parseNote } from '../../src/core/note/signed-note.ts';
import { createNoteVerifier } from '../../src/core/note/verifier.ts';
import { edgeRoot, emptyEdge, growEdge } from '../../src/core/tile/edge.ts';
import { leafIndex, type TreeSize, treeSize } from '../../src/core/units.ts';
import { generateSigningKey } from '../../src/keys/generate.ts';
import { createSigner } from '../../src/keys/signer.ts';
import { ed25519Verify } from '../../src/runtime/ed25519.ts';
import { nodeHasher } from '../../src/runtime/node-hasher.ts';
import { systemRandom } from '../../src/runtime/random.ts';
import { ENTRY_BYTES } from '../harness/entries.ts';
import { median } from '../harness/statistics.ts';

/*
 * micro SECONDS ROUNDS: how often a second the parts of the core do their work, one after the other in one thread. And
 * how often a call that costs the disk nothing goes to the thread pool and back, as every commit does twice.
 */

/** No power of two, so that the right edge is ragged. */
const LEAVES = 2 ** 16 - 7;
const ORIGIN = 'bench.example/main';
const TILE_WIDTH = 256;
const CALLS_PER_LOOK = 64;

const seconds = Number(process.argv[2]);
const rounds = Number(process.argv[3]);

/** All complete nodes of a tree, by height and index. */
function nodesOf(leafHashes: readonly Hash[]): Hash[][] {
  const levels = [[...leafHashes]];
  for (let below = levels[0] ?? []; below.length > 1; ) {
    const above: Hash[] = [];
    for (let i = 0; i + 1 < below.length; i += 2)
      above.push(nodeHasher.nodeHash(below[i] as Hash, below[i + 1] as Hash));
    levels.push(above);
    below = above;
  }
  return levels;
}

const leafHashes = Array.from({ length: LEAVES }, () => Uint8Array.from(randomBytes(32)));
const levels = nodesOf(leafHashes);
const read = (nodes: readonly NodeId[]): Hash[] =>
  nodes.map(({ level, index }) => levels[level]?.[index] as Hash);
const rootOf = (size: TreeSize): Hash => rootFromNodes(nodeHasher, size, read(rootNodes(size)));

const size = treeSize(LEAVES);
const oldSize = treeSize(LEAVES - 12_345);
const index = leafIndex(31_337);
const entry = Uint8Array.from(randomBytes(ENTRY_BYTES));
const [left, right] = leafHashes as [Hash, Hash];

function inclusionProof(): Hash[] {
  const plan = inclusionPlan(index, size);
  return assembleProof(nodeHasher, plan, read(plan.nodes));
}

function consistencyProof(): Hash[] {
  const plan = consistencyPlan(oldSize, size);
  return assembleProof(nodeHasher, plan, read(plan.nodes));
}

const inclusion = {
  index,
  size,
  leafHash: leafHashes[index] as Hash,
  proof: inclusionProof(),
  root: rootOf(size),
};
const consistency = {
  oldSize,
  newSize: size,
  oldRoot: rootOf(oldSize),
  newRoot: inclusion.root,
  proof: consistencyProof(),
};
const tileHashes = leafHashes.slice(0, TILE_WIDTH);
const grown = growEdge(nodeHasher, emptyEdge(nodeHasher), leafHashes.slice(0, 100)).edge;

const { skey, vkey } = generateSigningKey(systemRandom, ORIGIN);
const signer = createSigner(skey);
const verifier = createNoteVerifier(vkey, ed25519Verify);
const text = formatCheckpoint({ origin: ORIGIN, size, rootHash: inclusion.root, extensions: [] });
const textBytes = Buffer.from(text);
const signature = await signer.sign(textBytes);
const note = formatNote(text, [{ name: signer.name, keyId: signer.keyId, signature }]);

const WORK: Readonly<Record<string, () => unknown>> = {
  'leaf hash, 300 B': () => nodeHasher.leafHash(entry),
  'node hash': () => nodeHasher.nodeHash(left, right),
  'leaf hash, 300 B, portable': () => portableHasher.leafHash(entry),
  'inclusion proof: plan and assemble': inclusionProof,
  'inclusion proof: verify': () => verifyInclusion(nodeHasher, inclusion),
  'inclusion proof: verify, portable': () => verifyInclusion(portableHasher, inclusion),
  'consistency proof: plan and assemble': consistencyProof,
  'consistency proof: verify': () => verifyConsistency(nodeHasher, consistency),
  'growth by 256 leaves': () => growEdge(nodeHasher, grown, tileHashes),
  'growth by 1 leaf, and the root': () =>
    edgeRoot(nodeHasher, growEdge(nodeHasher, grown, tileHashes.slice(0, 1)).edge),
  'note: parse': () => parseNote(note),
  'checkpoint: sign': () => signer.sign(textBytes),
  'checkpoint: parse and verify': () => verifyCheckpoint(note, { origin: ORIGIN, logVerifiers: [verifier] }),
  'a turn of the thread pool': () => access('.'),
};

/** Calls a second; promises are awaited, as the log does. */
async function rate(work: () => unknown): Promise<number> {
  const startMs = performance.now();
  const endMs = startMs + seconds * 1_000;
  let calls = 0;
  let nowMs = startMs;
  while (nowMs < endMs) {
    for (let i = 0; i < CALLS_PER_LOOK; i += 1) {
      const made = work();
      if (made instanceof Promise) await made;
    }
    calls += CALLS_PER_LOOK;
    nowMs = performance.now();
  }
  return (calls * 1_000) / (nowMs - startMs);
}

const rates: Record<string, number> = {};
for (const [name, work] of Object.entries(WORK)) {
  await rate(work);
  const measured: number[] = [];
  for (let round = 0; round < rounds; round += 1) measured.push(await rate(work));
  rates[name] = median(measured);
}
console.log(JSON.stringify(rates));
