import { equalBytes } from '../bytes.ts';
import { TlogError } from '../error.ts';
import { rootsFromConsistency } from '../merkle/consistency.ts';
import type { Hash, TreeHasher } from '../merkle/hasher.ts';
import { type InclusionClaim, verifyInclusion } from '../merkle/inclusion.ts';
import { COSIGNATURE_V1, ED25519, formatVerifierKey, type VerifierKey } from '../note/key.ts';
import type { Ed25519Verify } from '../note/verifier.ts';
import type { TreeSize } from '../units.ts';
import type { Evidence } from './evidence.ts';
import { logStatement, type Statement, witnessStatement } from './statement.ts';

/** Whom evidence may convict: keys of logs (type 1, named as their origin) and of witnesses (type 4). */
export interface EvidenceTrust {
  readonly keys: readonly VerifierKey[];
  readonly ed25519: Ed25519Verify;
}

/** Who is convicted, and of what. */
export interface Conviction {
  readonly accused: Evidence['accused'];
  readonly kind: Evidence['kind'];
  /** Keys of the accused that were tried: all of one log, or one of a witness. */
  readonly vkeys: readonly string[];
  readonly origin: string;
  /** In the order of the notes. */
  readonly sizes: readonly TreeSize[];
  readonly rootHashes: readonly Hash[];
}

/**
 * Who is convicted by evidence, with nothing but public keys. Whatever proofs stand beside them, notes that an honest log
 * or witness signed never convict it: each kind needs two inputs of SHA-256 with one output, or a broken promise.
 * @throws TlogError not_convicting when the notes can be an honest signer's; unverified_note when no key given signed
 * them; others as verifyCheckpoint, malformed_proof, proof_mismatch. Whatever is thrown, nobody is convicted.
 */
export async function judgeEvidence(
  hasher: TreeHasher,
  evidence: Evidence,
  trust: EvidenceTrust,
): Promise<Conviction> {
  let refused = new TlogError('unverified_note', `no key of a ${evidence.accused} was given`);
  for (const keys of suspects(evidence.accused, trust.keys)) {
    try {
      return await judge(hasher, evidence, { keys, ed25519: trust.ed25519 });
    } catch (error) {
      if (!(error instanceof TlogError)) throw error;
      // That a key is not the one that signed says less than what is wrong with the key that did.
      if (isOthers(refused)) refused = error;
    }
  }
  throw refused;
}

type Suspect = readonly [VerifierKey, ...VerifierKey[]];

/** All keys of a log answer together, as its policy has them; a witness is one key. */
function suspects(accused: Evidence['accused'], keys: readonly VerifierKey[]): Suspect[] {
  if (accused === 'witness') return keys.filter(({ type }) => type === COSIGNATURE_V1).map((key) => [key]);
  const logs = new Map<string, Suspect>();
  for (const key of keys.filter(({ type }) => type === ED25519)) {
    const before = logs.get(key.name);
    logs.set(key.name, before === undefined ? [key] : [...before, key]);
  }
  return [...logs.values()];
}

function isOthers({ code }: TlogError): boolean {
  return code === 'unverified_note' || code === 'wrong_origin';
}

async function judge(
  hasher: TreeHasher,
  evidence: Evidence,
  { keys, ed25519 }: { readonly keys: Suspect; readonly ed25519: Ed25519Verify },
): Promise<Conviction> {
  const { accused, kind } = evidence;
  const statements = await Promise.all(
    evidence.notes.map((note) =>
      accused === 'log' ? logStatement(note, keys, ed25519) : witnessStatement(note, keys[0], ed25519),
    ),
  );
  const [first, second = first] = statements as [Statement, Statement?];
  if (first.checkpoint.origin !== second.checkpoint.origin) throw innocent('the notes are of two logs');
  CHARGES[kind](hasher, evidence as never, [first, second]);
  return {
    accused,
    kind,
    vkeys: keys.map(formatVerifierKey),
    origin: first.checkpoint.origin,
    sizes: statements.map(({ checkpoint }) => checkpoint.size),
    rootHashes: statements.map(({ checkpoint }) => checkpoint.rootHash),
  };
}

type Of<K extends Evidence['kind']> = Extract<Evidence, { readonly kind: K }>;
type Charge<K extends Evidence['kind']> = (
  hasher: TreeHasher,
  evidence: Of<K>,
  statements: readonly [Statement, Statement],
) => void;

/** What each kind must show; each throws unless it does. */
const CHARGES: { readonly [K in Evidence['kind']]: Charge<K> } = {
  'two-roots': (_, __, [one, other]) => {
    if (one.checkpoint.size !== other.checkpoint.size) throw innocent('the notes are of two sizes');
    if (equalBytes(one.checkpoint.rootHash, other.checkpoint.rootHash))
      throw innocent('both notes have one root hash');
  },
  'not-a-prefix': (hasher, { hashes }, [{ checkpoint: older }, { checkpoint: newer }]) => {
    if (older.size === 0 || older.size >= newer.size) throw innocent('the sizes are not 0 < first < second');
    const { oldRoot, newRoot } = rootsFromConsistency(
      hasher,
      { oldSize: older.size, newSize: newer.size },
      hashes,
    );
    // Hashes that do not lead to a signed root were made up: they say nothing of the log.
    if (!equalBytes(newRoot, newer.rootHash))
      throw innocent('the hashes do not lead to the larger root hash');
    if (equalBytes(oldRoot, older.rootHash)) throw innocent('the smaller tree is a prefix of the larger');
  },
  'two-leaves': (hasher, { index, leafHashes: [one, other], inclusionProofs }, statements) => {
    verifyLeaf(hasher, { index, leafHash: one, proof: inclusionProofs[0] }, statements[0]);
    verifyLeaf(hasher, { index, leafHash: other, proof: inclusionProofs[1] }, statements[1]);
    if (equalBytes(one, other)) throw innocent('both notes have one leaf at this index');
  },
  'empty-root': (hasher, _, [{ checkpoint }]) => {
    if (checkpoint.size !== 0) throw innocent(`the note is of size ${checkpoint.size}, not 0`);
    if (equalBytes(checkpoint.rootHash, hasher.emptyRoot))
      throw innocent('the root hash is that of the empty tree');
  },
  backwards: (_, __, [smaller, larger]) => {
    if (smaller.checkpoint.size >= larger.checkpoint.size)
      throw innocent('the first note is not of a smaller tree');
    if (Math.max(...smaller.timesSec) <= Math.min(...larger.timesSec))
      throw innocent('the smaller tree was not cosigned after the larger');
  },
};

function verifyLeaf(
  hasher: TreeHasher,
  leaf: Pick<InclusionClaim, 'index' | 'leafHash' | 'proof'>,
  { checkpoint: { size, rootHash: root } }: Statement,
): void {
  verifyInclusion(hasher, { ...leaf, size, root });
}

function innocent(why: string): TlogError {
  return new TlogError('not_convicting', `nobody is convicted: ${why}`);
}
