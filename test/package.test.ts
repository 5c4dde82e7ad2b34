import { access, readFile } from 'node:fs/promises';
import { describe, expect, test } from 'vitest';

interface Package {
  readonly exports: Readonly<Record<string, string | { readonly types: string; readonly default: string }>>;
}
const { exports: entries }: Package = JSON.parse(await readFile('package.json', 'utf8'));

/** Every name that an entry file gives out, types included. Entry files only name what others export. */
async function exportedNames(file: string): Promise<string[]> {
  const text = (await readFile(file, 'utf8')).replaceAll(/\/\*[\s\S]*?\*\//g, '');
  const lists = [...text.matchAll(/^export (?:type )?\{([^}]*)\} from '[^']+';$/gm)];
  const rest = text.replaceAll(/^export (?:type )?\{[^}]*\} from '[^']+';$/gm, '').trim();
  expect(rest).toBe('');
  const names = lists.flatMap((list) => (list[1] ?? '').split(','));
  return names.map((name) => name.replace('type ', '').trim()).filter((name) => name !== '');
}

describe('what is public is decided, not found out', () => {
  test('the entries', async () => {
    expect(Object.keys(entries)).toEqual(['./core', './client', './package.json']);
    for (const [entry, target] of Object.entries(entries)) {
      if (typeof target === 'string') continue;
      const name = entry.slice(2);
      expect(target).toEqual({ types: `./dist/${name}/${name}.d.ts`, default: `./dist/${name}/${name}.js` });
      await access(`src/${name}/${name}.ts`);
    }
  });

  test.each(['core', 'client'])('the names of stele/%s', async (name) => {
    const names = await exportedNames(`src/${name}/${name}.ts`);
    expect(names.sort()).toEqual([...(PUBLIC[name] ?? [])].sort());
    const values = Object.keys(await import(`../src/${name}/${name}.ts`));
    expect(values.filter((value) => !names.includes(value))).toEqual([]);
  });
});

const PUBLIC: Readonly<Record<string, readonly string[]>> = {
  client: [
    'AccessOptions',
    'AppendOptions',
    'AppendedBatch',
    'AppendedEntry',
    'CallOptions',
    'EntriesOptions',
    'Fetch',
    'LeafName',
    'LogClient',
    'LogClientOptions',
    'LogEntry',
    'MarkStore',
    'ProofOptions',
    'ProvenEntry',
    'ProvenLeaf',
    'ProvenLeaves',
    'RetryDeps',
    'TrustOptions',
    'memoryMarks',
    'webCryptoEd25519',
  ],
  core: [
    'BundleId',
    'COSIGNATURE_BYTES',
    'COSIGNATURE_V1',
    'Checkpoint',
    'ConsistencyClaim',
    'Conviction',
    'CosignaturePayload',
    'CosignatureVerifier',
    'ED25519',
    'ENTRY_BYTES_MAX',
    'ERROR_CODES',
    'EVIDENCE_BYTES_MAX',
    'Ed25519Verify',
    'ErrorCode',
    'ErrorKind',
    'Evidence',
    'EvidenceTrust',
    'Frontier',
    'HASH_BYTES',
    'Hash',
    'InclusionClaim',
    'InclusionPath',
    'LeafIndex',
    'MULTI_PROOF_LEAVES_MAX',
    'MultiProofClaim',
    'NOTE_BYTES_MAX',
    'NOTE_SIGNATURES_MAX',
    'NewSignature',
    'NodeId',
    'NodePlace',
    'NodeReader',
    'NoteSignature',
    'NoteSigner',
    'NoteVerifier',
    'ORIGIN_BYTES_MAX',
    'ParsedNote',
    'Policy',
    'PolicyCheckpoint',
    'PolicyGroup',
    'PolicyLog',
    'PolicyVerdict',
    'PolicyWitness',
    'ProofPlan',
    'Receipt',
    'ReceiptExpectation',
    'SIZE_MAX',
    'Sha256',
    'SignerKey',
    'TILE_WIDTH',
    'TLOG_PROOF_HASHES_MAX',
    'TileId',
    'TilePlace',
    'TlogError',
    'TlogErrorOptions',
    'TlogProof',
    'TlogProofTrust',
    'TreeHasher',
    'TreeSize',
    'VerifiedCheckpoint',
    'VerifiedNote',
    'VerifiedTlogProof',
    'VerifierKey',
    'WitnessTime',
    'appendLeaves',
    'assembleProof',
    'checkKeyName',
    'computeKeyId',
    'consistencyPlan',
    'cosignatureMessage',
    'createCosignatureVerifier',
    'createNoteVerifier',
    'createTreeHasher',
    'decodeBundle',
    'decodeCosignature',
    'emptyFrontier',
    'encodeBundle',
    'encodeCosignature',
    'evaluatePolicy',
    'evidenceOfConsistency',
    'evidenceOfReceipts',
    'evidenceOfRoots',
    'formatBase64',
    'formatBundlePath',
    'formatCheckpoint',
    'formatEvidence',
    'formatHex',
    'formatKeyId',
    'formatNote',
    'formatReceipt',
    'formatSignatureLine',
    'formatSignerKey',
    'formatTilePath',
    'formatTlogProof',
    'formatVerifierKey',
    'frontierNodes',
    'frontierRoot',
    'inclusionPlan',
    'inclusionProofLength',
    'isEvidence',
    'isTileInTree',
    'judgeEvidence',
    'leafIndex',
    'multiProofPlan',
    'parseBase64',
    'parseBundlePath',
    'parseCheckpoint',
    'parseEvidence',
    'parseHex',
    'parseLeafIndex',
    'parseNote',
    'parsePolicy',
    'parseReceipt',
    'parseSignerKey',
    'parseTilePath',
    'parseTlogProof',
    'parseTreeSize',
    'parseVerifierKey',
    'planGrowth',
    'portableHasher',
    'rootFromInclusion',
    'rootFromNodes',
    'rootNodes',
    'tileOfNode',
    'treeSize',
    'verifyCheckpoint',
    'verifyCheckpointWithPolicy',
    'verifyConsistency',
    'verifyInclusion',
    'verifyMultiProof',
    'verifyNote',
    'verifyReceipt',
    'verifyTlogProof',
  ],
};
