import { consistencyPlan } from '../../src/core/merkle/consistency.ts';
import type { Hash } from '../../src/core/merkle/hasher.ts';
import { assembleProof } from '../../src/core/merkle/proof-plan.ts';
import { rootFromNodes, rootNodes } from '../../src/core/merkle/root.ts';
import { formatCheckpoint } from '../../src/core/note/checkpoint.ts';
import { formatNote } from '../../src/core/note/signed-note.ts';
import type { NoteSigner } from '../../src/core/note/verifier.ts';
import { encodeBundle } from '../../src/core/tile/bundle.ts';
import { type BundleId, parseBundlePath, parseTilePath } from '../../src/core/tile/path.ts';
import type { TileId } from '../../src/core/tile/tile.ts';
import { treeSize } from '../../src/core/units.ts';
import { nodeHasher } from '../../src/runtime/node-hasher.ts';

/** One history of entries, each a text. What two histories share they share from the first entry on. */
export class History {
  readonly entries: readonly Uint8Array[];
  readonly #nodes = new Map<string, Hash>();

  /** `size` entries, or these; those from `from` on are of a history of its own, called `name`. */
  constructor(
    entries: number | readonly Uint8Array[],
    { from = Number.POSITIVE_INFINITY, name = '' }: { from?: number; name?: string } = {},
  ) {
    const text = (i: number): string => (i < from ? `entry ${i}` : `entry ${i} of ${name}`);
    this.entries =
      typeof entries === 'number'
        ? Array.from({ length: entries }, (_, i) => new TextEncoder().encode(text(i)))
        : entries;
  }

  node(level: number, index: number): Hash {
    const name = `${level}/${index}`;
    const known = this.#nodes.get(name);
    if (known !== undefined) return known;
    const made =
      level === 0
        ? nodeHasher.leafHash(this.entries[index] as Uint8Array)
        : nodeHasher.nodeHash(this.node(level - 1, 2 * index), this.node(level - 1, 2 * index + 1));
    this.#nodes.set(name, made);
    return made;
  }

  root(size: number): Hash {
    const nodes = rootNodes(treeSize(size)).map(({ level, index }) => this.node(level, index));
    return rootFromNodes(nodeHasher, treeSize(size), nodes).slice();
  }

  consistency(from: number, to: number): Hash[] {
    const plan = consistencyPlan(treeSize(from), treeSize(to));
    return assembleProof(
      nodeHasher,
      plan,
      plan.nodes.map(({ level, index }) => this.node(level, index)),
    );
  }

  tile({ level, index, width }: TileId): Uint8Array {
    const hashes = Array.from({ length: width }, (_, i) => this.node(level * 8, index * 256 + i));
    return Buffer.concat(hashes);
  }

  bundle({ index, width }: BundleId): Uint8Array {
    return encodeBundle(this.entries.slice(index * 256, index * 256 + width));
  }
}

/** What a log shows to one who asks: a history up to a size. */
export interface View {
  readonly history: History;
  readonly size: number;
}

/** Signs whatever head it is told to. */
export async function signedHead(
  signer: NoteSigner,
  size: number,
  rootHash: Hash,
  cosigners: readonly { cosign(text: string, timeSec: number): Promise<string> }[] = [],
  timeSec = 0,
): Promise<string> {
  const { name, keyId } = signer;
  const text = formatCheckpoint({ origin: name, size: treeSize(size), rootHash, extensions: [] });
  const signature = await signer.sign(new TextEncoder().encode(text));
  const lines = await Promise.all(cosigners.map((cosigner) => cosigner.cosign(text, timeSec)));
  return `${formatNote(text, [{ name, keyId, signature }])}${lines.join('')}`;
}

/** A log that serves what it is told to show, as c2sp.org/tlog-tiles and with consistency proofs. */
export class TileLog {
  readonly signer: NoteSigner;
  readonly #cosigners: Parameters<typeof signedHead>[3];
  readonly #timeSec: number;
  readonly #notes = new Map<string, string>();

  /** Its heads have the cosignatures of these, all of one time. */
  constructor(signer: NoteSigner, cosigners: Parameters<typeof signedHead>[3] = [], timeSec = 0) {
    this.signer = signer;
    this.#cosigners = cosigners;
    this.#timeSec = timeSec;
  }

  /** The signed head of a view, the same each time. */
  async note({ history, size }: View): Promise<string> {
    const rootHash = history.root(size);
    const name = `${size}/${Buffer.from(rootHash).toString('hex')}`;
    const known =
      this.#notes.get(name) ??
      (await signedHead(this.signer, size, rootHash, this.#cosigners, this.#timeSec));
    this.#notes.set(name, known);
    return known;
  }

  /** Answers a request for a path below the log, honestly for this view. */
  async answer(view: View, url: string): Promise<Response> {
    const { pathname, searchParams } = new URL(url);
    const path = pathname.slice(1);
    if (path === 'checkpoint') return new Response(await this.note(view));
    if (path.startsWith('tile/entries/'))
      return bytesOf(view, parseBundlePath(path), (id) => view.history.bundle(id));
    if (path.startsWith('tile/')) {
      const tile = parseTilePath(path);
      const last = Math.floor(view.size / 256 ** tile.level);
      return tile.index * 256 + tile.width > last
        ? absent()
        : new Response(new Uint8Array(view.history.tile(tile)));
    }
    if (path !== 'proofs/consistency') return absent();
    return consistencyAnswer(view, Number(searchParams.get('from')), Number(searchParams.get('to')));
  }
}

function bytesOf(view: View, id: BundleId, make: (id: BundleId) => Uint8Array): Response {
  return id.index * 256 + id.width > view.size ? absent() : new Response(new Uint8Array(make(id)));
}

function consistencyAnswer({ history, size }: View, from: number, to: number): Response {
  if (to > size) return problem(404, 'beyond_log_head');
  const base64 = (hash: Hash): string => Buffer.from(hash).toString('base64');
  return Response.json({
    ...{ fromSize: from, toSize: to },
    fromRootHash: base64(history.root(from)),
    toRootHash: base64(history.root(to)),
    consistencyProof: history.consistency(from, to).map(base64),
  });
}

export function problem(status: number, code: string): Response {
  return Response.json({ code, status }, { status });
}

function absent(): Response {
  return problem(404, 'not_found');
}
