import fc from 'fast-check';
import * as core from '../../src/core/core.ts';
import { createSigner, publicKeyOfSeed } from '../../src/keys/signer.ts';
import { NaiveTree } from '../core/merkle/naive-tree.ts';
import { type Case, fuzzed, fuzzedBytes } from '../fuzz/edits.ts';
import * as forms from '../fuzz/forms.ts';
import { hash32, size53 } from '../fuzz/parser.ts';
import type { ParserCase } from './parser-readers.ts';

/* Good inputs of every kind, whole and edited, for our parsers and for those in Go. */

function skeyOf(name: string, fill: number): string {
  const seed = new Uint8Array(32).fill(fill);
  const publicKey = publicKeyOfSeed(seed);
  const keyId = core.computeKeyId(name, core.ED25519, publicKey);
  return core.formatSignerKey({ name, type: core.ED25519, seed, publicKey, keyId });
}

/** Two keys that both sides know, and one of a known name that they do not. */
export const log: core.NoteSigner = createSigner(skeyOf('log.example/main', 1));
export const other: core.NoteSigner = createSigner(skeyOf('other.example', 2));
const stranger = createSigner(skeyOf('log.example/main', 3));
/** The keys that both sides know. */
export const knownKeys: readonly string[] = [log.vkey, other.vkey];

const root = core.formatBase64(core.portableHasher.emptyRoot);
const TEXTS: readonly string[] = [
  '\n',
  'a text\n\nin two parts\n',
  `log.example/main\n0\n${root}\n`,
  `log.example/main\n70\n${root}\nextension é\n`,
];

/** A note of a text by these signers; one that is `spoilt` has signed something else. */
export async function signedNote(
  text: string,
  signers: readonly core.NoteSigner[],
  spoilt = -1,
): Promise<string> {
  const signed = signers.map(async (signer, i) => ({
    ...signer,
    signature: await signer.sign(Buffer.from(i === spoilt ? 'another text\n' : text)),
  }));
  return core.formatNote(text, await Promise.all(signed));
}

/** Signers in the ways that notes have them: known, unknown, twice, first or last, and one line that does not hold. */
const SIGNERS: readonly (readonly core.NoteSigner[])[] = [
  [log],
  [stranger],
  [log, other],
  [stranger, log],
  [log, log],
  [stranger, log, stranger],
];

async function goodNotes(): Promise<string[]> {
  const made = TEXTS.flatMap((text) =>
    SIGNERS.flatMap((signers) => [-1, 0, signers.length - 1].map((bad) => signedNote(text, signers, bad))),
  );
  return Promise.all(made);
}

const bytes = (cases: fc.Arbitrary<Case<string>>): fc.Arbitrary<Uint8Array> =>
  cases.map(({ input }) => Buffer.from(input));
const input =
  (kind: string) =>
  (made: Uint8Array): ParserCase => ({ kind, input: made });

function noteCases(good: readonly string[]): fc.Arbitrary<ParserCase> {
  const note = fc.oneof(fc.constantFrom(...good), forms.note);
  const asBytes = fuzzedBytes(note.map((text) => Buffer.from(text))).map((one) => one.input);
  const vkeys = fc.constantFrom<readonly string[]>(knownKeys, knownKeys, []);
  return fc
    .tuple(fc.oneof(bytes(fuzzed(note)), asBytes), vkeys)
    .map(([made, keys]) => ({ kind: 'note', input: made, vkeys: keys }));
}

const treeText = fc
  .tuple(size53, hash32, fc.constantFrom('', 'x\n', 'x\ny\n'))
  .map(([size, hash, rest]) => `go.sum database tree\n${size}\n${core.formatBase64(hash)}\n${rest}`);
/** Paths out of parts that each look right, or nearly. */
const looksLikePath = fc
  .record({
    level: fc.constantFrom('0', '7', '63', '64', '00', 'entries', 'data'),
    groups: fc.array(fc.constantFrom('x000', 'x001', 'x234', 'x12', 'x0001', '001'), { maxLength: 3 }),
    last: fc.constantFrom('000', '067', '999', '1', '0000', 'x001'),
    width: fc.constantFrom('', '', '.p/1', '.p/255', '.p/256', '.p/0', '.p/01', '.p'),
  })
  .map(({ level, groups, last, width }) => `tile/${[level, ...groups, last].join('/')}${width}`);
const paths = fc.oneof(forms.tilePath, forms.bundlePath, looksLikePath);
const plainKey = forms.signerKey.filter(({ type }) => type === core.ED25519);

/** One change of a proof that may make another of it, or none. */
type ProofEdit = (
  one: Required<Omit<ParserCase, 'kind' | 'input' | 'vkeys'>>,
  at: number,
) => Partial<ParserCase>;
const PROOF_EDITS: readonly ProofEdit[] = [
  () => ({}),
  ({ size }) => ({ size: size + 1 }),
  ({ size }) => ({ size: Math.max(0, size - 1) }),
  ({ index }) => ({ index: index + 1 }),
  ({ index }) => ({ index: index - 1 }),
  ({ index, size }) => ({ index: size, size: index }),
  ({ proof }, at) => ({ proof: proof.filter((_, i) => i !== at % proof.length) }),
  ({ proof, hash }, at) => ({ proof: proof.toSpliced(at % (proof.length + 1), 0, hash) }),
  ({ proof }) => ({ proof: proof.toReversed() }),
  ({ proof }, at) => ({
    proof: proof.map((hash, i) => (i === at % proof.length ? flipped(hash, at) : hash)),
  }),
  ({ proof }, at) => ({ proof: proof.map((hash, i) => (i === at % proof.length ? hash.slice(1) : hash)) }),
  ({ root: hash }, at) => ({ root: flipped(hash, at) }),
  ({ hash }, at) => ({ hash: flipped(hash, at) }),
];

function flipped(hash: Uint8Array, at: number): Uint8Array {
  return hash.map((byte, i) => (i === at % hash.length ? byte ^ 1 : byte));
}

type Proof = Required<Omit<ParserCase, 'input' | 'vkeys'>>;
function proofCases(good: fc.Arbitrary<Proof>): fc.Arbitrary<ParserCase> {
  const edit = fc.oneof(fc.constant(PROOF_EDITS[0] as ProofEdit), fc.constantFrom(...PROOF_EDITS));
  return fc
    .tuple(good, edit, fc.nat({ max: 1_000 }))
    .map(([proof, change, at]) => ({ ...proof, ...change(proof, at) }));
}

const tree = new NaiveTree(300);
const treeSizes = fc.integer({ min: 1, max: 300 });
const smallInclusion = fc.tuple(treeSizes, fc.nat()).map(([size, any]): Proof => {
  const index = any % size;
  const hash = tree.hash(index, index + 1);
  return { kind: 'inclusion', index, size, hash, root: tree.hash(0, size), proof: tree.path(index, 0, size) };
});
/** Hashes that fold to some root, in trees far too large to build. */
const largeInclusion = fc
  .tuple(
    size53.filter((size) => size > 0),
    fc.maxSafeNat(),
    fc.array(hash32, { minLength: 54, maxLength: 54 }),
  )
  .map(([n, any, hashes]): Proof => {
    const [index, size] = [core.leafIndex(any % n), core.treeSize(n)];
    const [leafHash = tree.hash(0, 1), ...rest] = hashes;
    const proof = rest.slice(0, core.inclusionProofLength(index, size));
    const folded = core.rootFromInclusion(core.portableHasher, { index, size, leafHash, proof });
    return { kind: 'inclusion', index, size, hash: leafHash, root: folded, proof };
  });
const consistency = fc.tuple(treeSizes, fc.nat()).map(([size, any]): Proof => {
  const index = 1 + (any % size);
  const proof = tree.subproof(index, 0, size, true);
  return { kind: 'consistency', index, size, hash: tree.hash(0, index), root: tree.hash(0, size), proof };
});

/** So many cases of each kind. */
export async function parserCases(): Promise<readonly [cases: fc.Arbitrary<ParserCase>, count: number][]> {
  return [
    [noteCases(await goodNotes()), 8_000],
    [bytes(fuzzed(forms.checkpoint)).map(input('checkpoint')), 4_000],
    [bytes(fuzzed(treeText)).map(input('tree')), 3_000],
    [bytes(fuzzed(paths)).map(input('tile path')), 4_000],
    [bytes(fuzzed(plainKey.map(core.formatVerifierKey))).map(input('vkey')), 1_500],
    [bytes(fuzzed(plainKey.map(core.formatSignerKey))).map(input('skey')), 1_500],
    [fuzzedBytes(forms.entries.map(core.encodeBundle)).map((one) => input('bundle')(one.input)), 2_000],
    [proofCases(fc.oneof(smallInclusion, largeInclusion)), 3_000],
    [proofCases(consistency), 2_000],
  ];
}
