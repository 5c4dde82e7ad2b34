import { equalBytes } from '../../src/core/bytes.ts';
import { appendLeaves, emptyFrontier, frontierRoot } from '../../src/core/merkle/frontier.ts';
import { verifyCheckpoint } from '../../src/core/note/checkpoint.ts';
import { createNoteVerifier } from '../../src/core/note/verifier.ts';
import { parseReceipt, verifyReceipt } from '../../src/core/proof/receipt.ts';
import { ed25519Verify } from '../../src/runtime/ed25519.ts';
import { nodeHasher } from '../../src/runtime/node-hasher.ts';
import { type App, answersOf, send, type Target } from './target.ts';
import type { Trial } from './trial.ts';

const NEW_ENTRIES = 4;
const RETRIES = 3;

/** A running log, used as clients do. */
export class Use {
  readonly #app: App;
  readonly #target: Target;
  readonly #expected: {
    readonly origin: string;
    readonly logVerifiers: ReturnType<typeof createNoteVerifier>[];
  };

  constructor(app: App, target: Target) {
    const { origin, vkey } = target.manifest;
    this.#app = app;
    this.#target = target;
    this.#expected = { origin, logVerifiers: [createNoteVerifier(vkey, ed25519Verify)] };
  }

  /** What a refused append counts for. */
  get #refusal(): number {
    return this.#target.takesNothing === true ? 0 : 1;
  }

  async all(): Promise<Pick<Trial, 'wrong' | 'older' | 'failed' | 'badHeads' | 'repeated'>> {
    const { answers } = this.#target;
    const found = await answersOf(this.#app, this.#target, [...answers.keys()]);
    const different = [...found].filter(([path, answer]) => answer !== answers.get(path));
    const served = different.filter(([, answer]) => answer.length !== 3).map(([path]) => path);
    const older = (await this.#isOlderHead(found.get('checkpoint'))) ? served.filter(isOfHead) : [];
    const retried = await this.#retry();
    const { badHeads, refused } = await this.#extend(retried.again);
    return {
      wrong: [...served.filter((path) => !older.includes(path)), ...retried.wrong],
      older,
      failed: different.length - served.length + retried.refused + refused,
      badHeads,
      repeated: retried.again.length,
    };
  }

  /** Whether the published head is one that the log has signed, of these entries, though not the one of the reference. */
  async #isOlderHead(answer = ''): Promise<boolean> {
    if (answer.length === 3) return false;
    const note = Buffer.from(answer, 'hex').toString();
    const signed = await verifyCheckpoint(note, this.#expected).catch(() => undefined);
    if (signed === undefined) return false;
    const { size, rootHash } = signed;
    const { entries } = this.#target;
    const hashes = entries.slice(0, size).map((entry) => nodeHasher.leafHash(entry));
    const root = frontierRoot(nodeHasher, appendLeaves(nodeHasher, emptyFrontier, hashes));
    return size <= entries.length && equalBytes(root, rootHash);
  }

  /** Sends what was acked before once more: an old index, a refusal, or an entry that is there twice. */
  async #retry() {
    const outcome = { refused: 0, wrong: [] as string[], again: [] as Uint8Array[] };
    const { sent, manifest } = this.#target;
    const known = sent.filter(({ key }) => key !== undefined || manifest.kind === 'events');
    for (const request of known.filter((_, i) => i % Math.ceil(known.length / RETRIES) === 0)) {
      const response = await send(this.#app, this.#target, request);
      const answer = (await response.json()) as { index?: number; indexes?: number[] };
      const index = answer.indexes?.[0] ?? answer.index ?? 0;
      if (response.status === 201) outcome.again.push(...(await this.#leaves(index, request.body)));
      else if (response.status !== 200) outcome.refused += this.#refusal;
      else if (index !== request.index) outcome.wrong.push(`retry of ${request.key}: index ${index}`);
    }
    return outcome;
  }

  /** Hashes of the leaves that a request has added. */
  async #leaves(index: number, body: string): Promise<Uint8Array[]> {
    const { name, kind } = this.#target.manifest;
    const count = kind === 'entries' ? 1 : body.split('\n').length;
    const hashes: Uint8Array[] = [];
    for (let at = index; at < index + count; at += 1) {
      const answer = await this.#app.request(`/logs/${name}/entries/${at}`);
      hashes.push(nodeHasher.leafHash(new Uint8Array(await answer.arrayBuffer())));
    }
    return hashes;
  }

  /** Appends, and compares each signed head with the root of the entries that it must cover. */
  async #extend(again: readonly Uint8Array[]) {
    const { entries, manifest } = this.#target;
    const hashes = [...entries.map((entry) => nodeHasher.leafHash(entry)), ...again];
    let frontier = appendLeaves(nodeHasher, emptyFrontier, hashes);
    const badHeads: string[] = [];
    let refused = 0;
    for (let i = 0; i < NEW_ENTRIES; i += 1) {
      const body = manifest.kind === 'entries' ? `after the damage ${i}` : newEvent(i);
      const response = await send(this.#app, this.#target, { body });
      if (response.status !== 201) {
        refused += this.#refusal;
        continue;
      }
      const receipt = parseReceipt(await response.json());
      const [leafHash = new Uint8Array(0)] = await this.#leaves(receipt.index, body);
      frontier = appendLeaves(nodeHasher, frontier, [leafHash]);
      const { size, rootHash } = await verifyReceipt(nodeHasher, receipt, this.#expected);
      const isOfLeaf = equalBytes(receipt.leafHash, leafHash);
      if (!isOfLeaf || size !== frontier.size || !equalBytes(rootHash, frontierRoot(nodeHasher, frontier)))
        badHeads.push(`size ${size}, and ${frontier.size} entries`);
    }
    return { badHeads, refused };
  }
}

function newEvent(i: number): string {
  const actor = { type: 'user', id: 'u' };
  return JSON.stringify({
    id: `after-${i}`,
    time: '2060-01-01T00:00:00Z',
    action: 'a',
    outcome: 'success',
    actor,
  });
}

/** Whether an answer depends on which head is published. */
function isOfHead(path: string): boolean {
  return /^(?:checkpoint|checkpoints\?.*|log|proofs\/.*)$/.test(path);
}
