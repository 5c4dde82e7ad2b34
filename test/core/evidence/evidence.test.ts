import { createPrivateKey, sign } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { formatBase64 } from '../../../src/core/encoding/base64.ts';
import {
  type Evidence,
  evidenceOfConsistency,
  evidenceOfReceipts,
  evidenceOfRoots,
  formatEvidence,
  isEvidence,
  parseEvidence,
} from '../../../src/core/evidence/evidence.ts';
import { type Conviction, judgeEvidence } from '../../../src/core/evidence/judge.ts';
import { consistencyPlan, explicitConsistency } from '../../../src/core/merkle/consistency.ts';
import { type Hash, portableHasher } from '../../../src/core/merkle/hasher.ts';
import { inclusionPlan } from '../../../src/core/merkle/inclusion.ts';
import type { NodeId } from '../../../src/core/merkle/node.ts';
import { assembleProof } from '../../../src/core/merkle/proof-plan.ts';
import { formatCheckpoint } from '../../../src/core/note/checkpoint.ts';
import { cosignatureMessage, encodeCosignature } from '../../../src/core/note/cosignature.ts';
import {
  COSIGNATURE_V1,
  computeKeyId,
  formatVerifierKey,
  type VerifierKey,
} from '../../../src/core/note/key.ts';
import { formatNote, type NewSignature } from '../../../src/core/note/signed-note.ts';
import { leafIndex, treeSize } from '../../../src/core/units.ts';
import { ed25519Verify } from '../../../src/runtime/ed25519.ts';
import { SeededRandom } from '../../support/seeded-random.ts';
import { isBrief } from '../scale.ts';

const SIZE_MAX = 24;

/** A tree whose leaf `changed`, if any, is another one than everywhere else. */
class Tree {
  readonly #leaves: readonly Hash[];
  constructor(changed = -1) {
    this.#leaves = Array.from({ length: SIZE_MAX }, (_, i) =>
      portableHasher.leafHash(Uint8Array.of(i === changed ? 255 : i)),
    );
  }
  leaf(index: number): Hash {
    return this.#leaves[index] as Hash;
  }
  /** MTH of RFC 6962 2.1, as a recursion. */
  root(start: number, end: number): Hash {
    if (start === end) return portableHasher.emptyRoot;
    if (end - start === 1) return this.leaf(start);
    const split = 2 ** Math.ceil(Math.log2(end - start) - 1);
    return portableHasher.nodeHash(this.root(start, start + split), this.root(start + split, end));
  }
  #read(nodes: readonly NodeId[]): Hash[] {
    return nodes.map(({ level, index }) => this.root(index * 2 ** level, (index + 1) * 2 ** level));
  }
  consistency(oldSize: number, newSize: number): Hash[] {
    const plan = consistencyPlan(treeSize(oldSize), treeSize(newSize));
    return assembleProof(portableHasher, plan, this.#read(plan.nodes));
  }
  explicit(oldSize: number, newSize: number): readonly Hash[] {
    const sizes = { oldSize: treeSize(oldSize), newSize: treeSize(newSize) };
    const proof = this.consistency(oldSize, newSize);
    return explicitConsistency({ ...sizes, oldRoot: this.root(0, oldSize), proof });
  }
  inclusion(index: number, size: number): Hash[] {
    const plan = inclusionPlan(leafIndex(index), treeSize(size));
    return assembleProof(portableHasher, plan, this.#read(plan.nodes));
  }
}

class Signer {
  readonly key: VerifierKey;
  readonly #seed: Uint8Array;
  constructor(name: string, type: number, seed: number) {
    this.#seed = new Uint8Array(32).fill(seed);
    const jwk = this.#private().export({ format: 'jwk' });
    const publicKey = new Uint8Array(Buffer.from(jwk.x ?? '', 'base64url'));
    this.key = { name, type, publicKey, keyId: computeKeyId(name, type, publicKey) };
  }
  #private() {
    const der = Buffer.concat([Buffer.from('302e020100300506032b657004220420', 'hex'), this.#seed]);
    return createPrivateKey({ key: der, format: 'der', type: 'pkcs8' });
  }
  #sign(message: Uint8Array): Uint8Array {
    return new Uint8Array(sign(null, message, this.#private()));
  }
  line(text: string, timeSec?: number): NewSignature {
    const { name, keyId } = this.key;
    if (timeSec === undefined) return { name, keyId, signature: this.#sign(new TextEncoder().encode(text)) };
    const ed25519 = this.#sign(cosignatureMessage(text, timeSec));
    return { name, keyId, signature: encodeCosignature({ timeSec, ed25519 }) };
  }
}

const log = new Signer('log.example/main', 1, 1);
const otherLog = new Signer('other.example/main', 1, 2);
const witness = new Signer('witness.example', COSIGNATURE_V1, 3);
const otherWitness = new Signer('witness.example', COSIGNATURE_V1, 4);
const KEYS = [otherLog, log, otherWitness, witness].map(({ key }) => key);

function textOf(size: number, rootHash: Hash, origin = log.key.name): string {
  return formatCheckpoint({ origin, size: treeSize(size), rootHash, extensions: [] });
}
function noteOf(tree: Tree, size: number, signer: Signer = log): string {
  const text = textOf(size, tree.root(0, size), signer.key.name);
  return formatNote(text, [signer.line(text)]);
}
function cosigned(tree: Tree, size: number, times: readonly number[], origin = log.key.name): string {
  const text = textOf(size, tree.root(0, size), origin);
  return formatNote(
    text,
    times.map((time) => witness.line(text, time)),
  );
}

const honest = new Tree();
const forked = new Tree(1);
const emptyLie = ((): string => {
  const text = textOf(0, honest.leaf(0));
  return formatNote(text, [log.line(text)]);
})();
const receipt = (tree: Tree, index: number, size: number) => ({
  index: leafIndex(index),
  leafHash: tree.leaf(index),
  treeSize: treeSize(size),
  rootHash: tree.root(0, size),
  inclusionProof: tree.inclusion(index, size),
  checkpoint: noteOf(tree, size),
});
const two = (accused: 'log' | 'witness', ...notes: [string, string]): Evidence => ({
  accused,
  kind: 'two-roots',
  notes,
});
const prefix = (accused: 'log' | 'witness', notes: [string, string], hashes: readonly Hash[]): Evidence => ({
  accused,
  kind: 'not-a-prefix',
  notes,
  hashes,
});
const backwards = (...notes: [string, string]): Evidence => ({
  accused: 'witness',
  kind: 'backwards',
  notes,
});
const leaves = (a: Tree, b: Tree): Evidence => ({
  accused: 'log',
  kind: 'two-leaves',
  notes: [noteOf(a, 5), noteOf(b, 7)],
  index: leafIndex(1),
  leafHashes: [a.leaf(1), b.leaf(1)],
  inclusionProofs: [a.inclusion(1, 5), b.inclusion(1, 7)],
});

function judge(evidence: Evidence, keys: readonly VerifierKey[] = KEYS): Promise<Conviction> {
  return judgeEvidence(portableHasher, parseEvidence(formatEvidence(evidence)), {
    keys,
    ed25519: ed25519Verify,
  });
}

describe('EVIDENCE-2 what convicts a log', () => {
  test.each<[string, Evidence]>([
    ['one size, two roots', two('log', noteOf(honest, 5), noteOf(forked, 5))],
    ['size 0, two roots', two('log', noteOf(honest, 0), emptyLie)],
    ['no prefix', prefix('log', [noteOf(forked, 5), noteOf(honest, 7)], honest.explicit(5, 7))],
    [
      'no prefix, of a complete tree',
      prefix('log', [noteOf(forked, 4), noteOf(honest, 7)], honest.explicit(4, 7)),
    ],
    [
      'no prefix, of one leaf',
      prefix('log', [noteOf(new Tree(0), 1), noteOf(honest, 2)], honest.explicit(1, 2)),
    ],
    ['two leaves', leaves(honest, forked)],
    ['an empty tree that is not', { accused: 'log', kind: 'empty-root', notes: [emptyLie] }],
  ])('%s', async (_, evidence) => {
    const { accused, kind, origin } = await judge(evidence);
    expect({ accused, kind, origin }).toEqual({ accused: 'log', kind: evidence.kind, origin: log.key.name });
    await expect(judge(evidence, [otherLog.key, witness.key])).rejects.toMatchObject({
      kind: 'verification',
    });
    expect(await judge(evidence, [log.key, otherLog.key])).toMatchObject({ origin: log.key.name });
  });

  test('two receipts of one index, of two sizes and of one', async () => {
    const two = evidenceOfReceipts(receipt(honest, 1, 5), receipt(forked, 1, 7));
    expect(two).toEqual(leaves(honest, forked));
    const evidence = evidenceOfReceipts(receipt(honest, 1, 5), receipt(forked, 1, 5));
    expect(await judge(evidence)).toMatchObject({ kind: 'two-leaves', origin: log.key.name, sizes: [5, 5] });
  });

  test('the verdict says whose keys, which sizes and roots, in the order of the notes', async () => {
    const evidence = prefix('log', [noteOf(forked, 5), noteOf(honest, 7)], honest.explicit(5, 7));
    expect(await judge(evidence)).toEqual({
      ...{ accused: 'log', kind: 'not-a-prefix', origin: log.key.name, sizes: [5, 7] },
      vkeys: [formatVerifierKey(log.key)],
      rootHashes: [forked.root(0, 5), honest.root(0, 7)],
    });
    expect(await judge({ accused: 'log', kind: 'empty-root', notes: [emptyLie] })).toMatchObject({
      sizes: [0],
      rootHashes: [honest.leaf(0)],
    });
  });
});

describe('EVIDENCE-8 keys', () => {
  const renewed = new Signer(log.key.name, 1, 5);
  test('all keys of a log answer together', async () => {
    const text = textOf(5, forked.root(0, 5));
    const evidence = evidenceOfRoots(noteOf(honest, 5), formatNote(text, [renewed.line(text)]));
    expect((await judge(evidence, [log.key, renewed.key])).vkeys).toHaveLength(2);
    await expect(judge(evidence, [log.key])).rejects.toMatchObject({ code: 'unverified_note' });
  });

  test('what is wrong with notes of a log is told, not that another log has signed them, too', async () => {
    const text = textOf(5, honest.root(0, 5));
    const note = formatNote(text, [log.line(text), otherLog.line(text)]);
    for (const keys of [KEYS, [...KEYS].reverse()])
      await expect(judge(evidenceOfRoots(note, note), keys)).rejects.toMatchObject({
        code: 'not_convicting',
      });
    await expect(judge(evidenceOfRoots(note, note), [otherLog.key])).rejects.toMatchObject({
      code: 'wrong_origin',
    });
  });

  test('a verifier that breaks is no verdict', async () => {
    const broken = () => {
      throw new RangeError('no verdict');
    };
    const evidence = evidenceOfRoots(noteOf(honest, 5), noteOf(forked, 5));
    const judged = judgeEvidence(portableHasher, evidence, { keys: KEYS, ed25519: broken });
    await expect(judged).rejects.toThrow(new RangeError('no verdict'));
    await expect(judge(evidence, [])).rejects.toMatchObject({ code: 'unverified_note' });
  });
});

describe('EVIDENCE-5 explicit hashes', () => {
  test.each([
    [4, 7],
    [5, 7],
  ])('of what a log answers, from %d to %d', async (from, to) => {
    const [oldSize, newSize] = [treeSize(from), treeSize(to)];
    const shown = { oldSize, newSize, oldRoot: honest.root(0, from), proof: honest.consistency(from, to) };
    const evidence = evidenceOfConsistency([noteOf(forked, from), noteOf(honest, to)], shown);
    expect(await judge(evidence)).toMatchObject({ kind: 'not-a-prefix', sizes: [from, to] });
  });

  test('there are none from size 0, and no evidence of receipts of two leaves', () => {
    const shown = { oldSize: treeSize(0), newSize: treeSize(7), oldRoot: honest.leaf(0), proof: [] };
    expect(() => evidenceOfConsistency(['a', 'b'], shown)).toThrow(RangeError);
    expect(() => evidenceOfReceipts(receipt(honest, 1, 5), receipt(honest, 2, 5))).toThrow(RangeError);
  });
});

describe('EVIDENCE-3 what convicts a witness', () => {
  test.each<[string, Evidence]>([
    ['one size, two roots', two('witness', cosigned(honest, 5, [9]), cosigned(forked, 5, [9]))],
    [
      'no prefix',
      prefix('witness', [cosigned(forked, 4, [1]), cosigned(honest, 7, [2])], honest.explicit(4, 7)),
    ],
    ['a smaller tree a second later', backwards(cosigned(honest, 4, [8]), cosigned(honest, 5, [7]))],
    ['one of several times', backwards(cosigned(honest, 4, [1, 8]), cosigned(honest, 5, [7, 20]))],
  ])('%s', async (_, evidence) => {
    expect(await judge(evidence)).toMatchObject({ accused: 'witness', kind: evidence.kind });
    await expect(judge(evidence, [log.key, otherWitness.key])).rejects.toMatchObject({
      code: 'unverified_note',
    });
  });
});

describe('EVIDENCE-4 what convicts nobody', () => {
  const made = honest.explicit(5, 7).map((hash, i) => (i === 0 ? forked.leaf(1) : hash));
  test.each<[string, Evidence, string]>([
    ['one root', two('log', noteOf(honest, 5), noteOf(honest, 5)), 'not_convicting'],
    ['two sizes', two('log', noteOf(honest, 5), noteOf(forked, 6)), 'not_convicting'],
    ['two logs', two('log', noteOf(honest, 5), noteOf(forked, 5, otherLog)), 'unverified_note'],
    [
      'a prefix',
      prefix('log', [noteOf(honest, 5), noteOf(honest, 7)], honest.explicit(5, 7)),
      'not_convicting',
    ],
    ['made-up hashes', prefix('log', [noteOf(honest, 5), noteOf(honest, 7)], made), 'not_convicting'],
    [
      'the larger first',
      prefix('log', [noteOf(honest, 7), noteOf(forked, 5)], honest.explicit(5, 7)),
      'not_convicting',
    ],
    [
      'from size 0, where nothing can be shown',
      prefix('log', [emptyLie, noteOf(honest, 7)], [honest.root(0, 7)]),
      'not_convicting',
    ],
    [
      'a hash too many',
      prefix('log', [noteOf(forked, 5), noteOf(honest, 7)], [...honest.explicit(5, 7), honest.leaf(0)]),
      'malformed_proof',
    ],
    [
      'the first hash left out',
      prefix('log', [noteOf(forked, 4), noteOf(honest, 7)], honest.consistency(4, 7)),
      'malformed_proof',
    ],
    [
      'no prefix of a tree of the same size',
      prefix('log', [noteOf(forked, 5), noteOf(honest, 5)], [honest.root(0, 5)]),
      'not_convicting',
    ],
    ['one leaf', leaves(honest, honest), 'not_convicting'],
    [
      'another leaf without proof',
      {
        ...leaves(honest, forked),
        inclusionProofs: [honest.inclusion(2, 5), forked.inclusion(1, 7)],
      } as Evidence,
      'proof_mismatch',
    ],
    [
      'a leaf without proof',
      {
        ...leaves(honest, forked),
        inclusionProofs: [honest.inclusion(1, 5), honest.inclusion(2, 7)],
      } as Evidence,
      'proof_mismatch',
    ],
    [
      'a leaf behind the end',
      { ...leaves(honest, forked), index: leafIndex(6) } as Evidence,
      'malformed_proof',
    ],
    ['the empty tree', { accused: 'log', kind: 'empty-root', notes: [noteOf(honest, 0)] }, 'not_convicting'],
    ['a tree of one', { accused: 'log', kind: 'empty-root', notes: [noteOf(honest, 1)] }, 'not_convicting'],
    [
      'a log for what its witness signed',
      two('log', cosigned(honest, 5, [9]), cosigned(forked, 5, [9])),
      'unverified_note',
    ],
    [
      'a witness for what the log signed',
      two('witness', noteOf(honest, 5), noteOf(forked, 5)),
      'unverified_note',
    ],
    [
      'cosignatures of two logs',
      two('witness', cosigned(honest, 5, [9]), cosigned(forked, 5, [9], 'b')),
      'not_convicting',
    ],
    ['the same second', backwards(cosigned(honest, 4, [7]), cosigned(honest, 5, [7])), 'not_convicting'],
    ['one size again', backwards(cosigned(honest, 4, [8]), cosigned(honest, 4, [7])), 'not_convicting'],
    ['the larger later', backwards(cosigned(honest, 5, [8]), cosigned(honest, 4, [7])), 'not_convicting'],
    ['no time', backwards(cosigned(honest, 4, [7]), cosigned(honest, 5, [0])), 'unverified_note'],
    [
      'a changed note',
      two('log', noteOf(honest, 5), noteOf(honest, 5).replace('\n5\n', '\n6\n')),
      'bad_signature',
    ],
  ])('%s', async (_, evidence, code) => {
    await expect(judge(evidence)).rejects.toMatchObject({ code });
    await expect(judge(evidence, [...KEYS].reverse())).rejects.toMatchObject({ code });
  });

  const SEED = 20_261;
  test(`notes of an honest log and witness, with any proofs beside them: seed ${SEED}`, async () => {
    const random = new SeededRandom(SEED);
    // Signed once a size; the witness cosigns each size twice, and two sizes in one second.
    const notes = Array.from({ length: SIZE_MAX + 1 }, (_, size) => noteOf(honest, size));
    const seen = Array.from({ length: SIZE_MAX + 1 }, (_, size) =>
      cosigned(honest, size, [Math.floor(size / 2) + 1, Math.floor((size + 1) / 2) + 1]),
    );
    const pool = [honest, forked, new Tree(0), new Tree(7)];
    const hash = () => {
      const end = random.int(1, SIZE_MAX + 1);
      return random.pick(pool).root(random.int(0, end), end);
    };
    const hashes = (right: readonly Hash[]): readonly Hash[] => {
      if (random.next() < 0.2) return Array.from({ length: random.int(0, 7) }, hash);
      return right.map((one) => (random.next() < 0.3 ? hash() : one));
    };
    for (let run = 0; run < (isBrief ? 20 : 400); run += 1) {
      const [a, b] = [random.int(0, SIZE_MAX + 1), random.int(0, SIZE_MAX + 1)];
      const accused = random.pick(['log', 'witness'] as const);
      const from = accused === 'log' ? notes : seen;
      const pair = [from[a], from[b]] as [string, string];
      const tree = random.pick(pool);
      const index = random.int(0, Math.max(1, Math.min(a, b)));
      const inclusion = (size: number) => hashes(index < size ? tree.inclusion(index, size) : []);
      const tried: Evidence[] = [
        two(accused, ...pair),
        prefix(accused, pair, hashes(a > 0 && a < b ? tree.explicit(a, b) : [])),
        backwards(seen[a] as string, seen[b] as string),
        { accused: 'log', kind: 'empty-root', notes: [notes[a] as string] },
        {
          accused: 'log',
          kind: 'two-leaves',
          notes: [notes[a] as string, notes[b] as string],
          index: leafIndex(index),
          leafHashes: [honest.leaf(index), random.pick([hash(), tree.leaf(index)])],
          inclusionProofs: [inclusion(a), inclusion(b)],
        },
      ];
      for (const evidence of tried) {
        const verdict = await judge(evidence, [log.key, witness.key]).catch(
          (error: { code?: string }) => error.code ?? error,
        );
        expect(verdict, JSON.stringify({ run, a, b, kind: evidence.kind })).toBeTypeOf('string');
      }
    }
  });
});

describe('EVIDENCE-1 the file', () => {
  const members = { format: 'fork-evidence/1', accused: 'log', kind: 'two-roots', notes: ['a', 'b'] };
  const of = (change: object): string => JSON.stringify({ ...members, ...change });
  const zero = formatBase64(new Uint8Array(32));

  test.each<[string, Evidence]>([
    ['two-roots', two('log', 'a\n', 'b\n')],
    ['not-a-prefix', prefix('witness', ['a', 'b'], [new Uint8Array(32)])],
    ['two-leaves', leaves(honest, forked)],
    ['empty-root', { accused: 'log', kind: 'empty-root', notes: ['\u2014'] }],
    ['backwards', backwards('a', 'b')],
  ])('%s is read as it was written', (_, evidence) => {
    const text = formatEvidence(evidence);
    expect(parseEvidence(text)).toEqual(evidence);
    expect(isEvidence(text)).toBe(true);
    const backToFront = Object.fromEntries(Object.entries(JSON.parse(text)).reverse());
    expect(isEvidence(JSON.stringify(backToFront, null, 2))).toBe(true);
  });

  test.each([
    ['a receipt whose note quotes one', JSON.stringify({ checkpoint: '"format":"fork-evidence/1"' })],
    ['a proof in text', 'c2sp.org/tlog-proof@v1\n'],
    ['a text that ends with one', `x${of({})}`],
    ['a format that begins otherwise', of({ format: 'a fork-evidence/1' })],
    ['another member that says so', JSON.stringify({ formats: 'fork-evidence/1' })],
    ['nothing', ''],
  ])('%s is something else', (_, text) => {
    expect(isEvidence(text)).toBe(false);
  });

  test.each([
    ['of a later version', of({ format: 'fork-evidence/2' })],
    ['with space around all of it', ` \n\t{ "format" : "fork-evidence/1" }`],
    ['without space', '{"format":"fork-evidence/1"}'],
  ])('evidence %s is told as such', (_, text) => expect(isEvidence(text)).toBe(true));

  test.each([
    ['of 8,000,000 characters', of({}).padEnd(8_000_000)],
    ['of 64 hashes', of({ kind: 'not-a-prefix', hashes: Array(64).fill(zero) })],
    ['of no hashes', of({ kind: 'not-a-prefix', hashes: [] })],
  ])('%s is read', (_, text) => expect(parseEvidence(text).notes).toEqual(['a', 'b']));

  test.each([
    ['no JSON', 'x'],
    ['a number', '1'],
    ['a text', '"fork-evidence/1"'],
    ['two notes in one text', of({ notes: 'ab' })],
    ['one note that is no list', of({ kind: 'empty-root', notes: 'a' })],
    ['no note', of({ kind: 'empty-root', notes: [] })],
    ['a hash that is a number', of({ kind: 'not-a-prefix', hashes: [1] })],
    ['hashes that are a text', of({ kind: 'not-a-prefix', hashes: zero })],
    ['a member of another kind', of({ hashes: [] })],
    [
      'an index as text',
      of({ kind: 'two-leaves', index: '1', leafHashes: [zero, zero], inclusionProofs: [[], []] }),
    ],
    ['an index that is too much', of({ kind: 'two-roots', index: 1 })],
    ['one leaf hash', of({ kind: 'two-leaves', index: 1, leafHashes: [zero], inclusionProofs: [[], []] })],
    ['one proof', of({ kind: 'two-leaves', index: 1, leafHashes: [zero, zero], inclusionProofs: [[]] })],
    [
      'proofs that are no lists',
      of({ kind: 'two-leaves', index: 1, leafHashes: [zero, zero], inclusionProofs: [zero, zero] }),
    ],
    ['hashes beside an empty root', of({ kind: 'empty-root', notes: ['a'], hashes: [] })],
    ['hashes beside times', of({ accused: 'witness', kind: 'backwards', hashes: [] })],
    [
      'leaves of a witness',
      of({
        accused: 'witness',
        kind: 'two-leaves',
        index: 1,
        leafHashes: [zero, zero],
        inclusionProofs: [[], []],
      }),
    ],
    ['a list', '[]'],
    ['null', 'null'],
    ['brackets and escapes in a text', of({ notes: ['\\"[{', '{'], kind: 'x' })],
    ['two empty notes', of({ kind: 'empty-root' })],
    ['no index', of({ kind: 'two-leaves', leafHashes: [zero, zero], inclusionProofs: [[], []] })],
    ['an unknown kind of a witness', of({ accused: 'witness', kind: 'guilty' })],
    ['another version', of({ format: 'fork-evidence/2' })],
    ['nobody accused', of({ accused: 'client' })],
    ['an unknown kind', of({ kind: 'guilty' })],
    ['a kind that is none of a witness', of({ accused: 'witness', kind: 'empty-root', notes: ['a'] })],
    ['a kind that is none of a log', of({ kind: 'backwards' })],
    ['one note', of({ notes: ['a'] })],
    ['three notes', of({ notes: ['a', 'b', 'c'] })],
    ['a note that is a number', of({ notes: ['a', 1] })],
    ['an unknown member', of({ comment: 'guilty' })],
    ['no hashes', of({ kind: 'not-a-prefix' })],
    ['a short hash', of({ kind: 'not-a-prefix', hashes: ['AAAA'] })],
    ['65 hashes', of({ kind: 'not-a-prefix', hashes: Array(65).fill(zero) })],
    [
      'a negative index',
      of({ kind: 'two-leaves', index: -1, leafHashes: [zero, zero], inclusionProofs: [[], []] }),
    ],
    ['deep brackets', '['.repeat(100_000)],
    ['too long', `${of({})}${' '.repeat(8_000_000)}`],
  ])('refuses %s', (_, text) => {
    expect(() => parseEvidence(text)).toThrow(expect.objectContaining({ code: 'malformed_evidence' }));
  });
});
