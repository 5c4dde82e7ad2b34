import * as core from '../../src/core/core.ts';
import { NOTE_DIFFERENCES } from './note-differences.ts';
import { log, other } from './parser-cases.ts';
import { type Difference, isBeyond53, isLoose, rows, stricter, textOf, wider } from './parser-difference.ts';
import type { Outcome, ParserCase } from './parser-readers.ts';

const { publicKey } = core.parseVerifierKey(log.vkey);
function keyOf(name: string, type: number, bytes: Uint8Array): core.SignerKey {
  const seed = new Uint8Array(32).fill(1);
  return { name, type, seed, publicKey: bytes, keyId: core.computeKeyId(name, type, bytes) };
}
const upperCaseId = other.vkey.replace(/\+([0-9a-f]{8})\+/, (id) => id.toUpperCase());

function indexOfPath(path: string): string {
  const [, index = ''] = /^tile\/[^/]+\/([^.]*)/.exec(path) ?? [];
  return index.replaceAll(/[x/]/g, '');
}

/** Leaf 0 has the same path in the trees of 2^53 - 1 and of 2^53 leaves. */
function leftmostProof(): Omit<ParserCase, 'kind'> {
  const zero = new Uint8Array(core.HASH_BYTES);
  const proof = Array.from({ length: 53 }, () => zero);
  const path = { index: core.leafIndex(0), size: core.treeSize(core.SIZE_MAX), leafHash: zero, proof };
  return { index: 0, hash: zero, root: core.rootFromInclusion(core.portableHasher, path), proof };
}

/** Every place where ours and Go's parsers differ, and why. All else that differs is a fault. */
export const DIFFERENCES: readonly Difference[] = [
  ...NOTE_DIFFERENCES,
  stricter(
    {
      name: 'a tile of a level above 63',
      why: 'Go has no limit; the specification ends at 63, and a tree of 2^53 - 1 at 6',
      kinds: ['tile path'],
      shown: rows('tile path', 'tile/64/000', 'tile/100/000.p/7'),
    },
    'malformed_tile_path',
    (path) => Number(path.split('/')[1]) > 63,
  ),
  stricter(
    {
      name: 'a tile of an index above 2^53 - 1',
      why: 'indexes are exact numbers here; no tree has such a tile',
      kinds: ['tile path'],
      shown: rows(
        'tile path',
        'tile/0/x009/x007/x199/x254/x740/992',
        'tile/entries/x009/x223/x372/x036/x854/x775/807',
      ),
    },
    'malformed_tile_path',
    (path) => isBeyond53(indexOfPath(path)),
  ),
  stricter(
    {
      name: 'tile/data',
      why: "the name of the go.sum database's own records, and of static-ct logs; bundles are tile/entries",
      kinds: ['tile path'],
      shown: rows('tile path', 'tile/data/000'),
    },
    'malformed_tile_path',
    (path) => path.startsWith('tile/data/'),
  ),
  stricter(
    {
      name: 'a key id in upper case',
      why: 'Go reads any hex; here a key has one spelling',
      kinds: ['vkey', 'skey'],
      shown: rows('vkey', upperCaseId),
    },
    'malformed_key',
    (text) => /\+(?=[0-9a-f]*[A-F])[0-9a-fA-F]{8}\+/.test(text),
  ),
  stricter(
    {
      name: 'key data in loose base64',
      why: 'Go skips CR and LF in base64; here a key has one spelling',
      kinds: ['vkey', 'skey'],
      shown: rows('vkey', `${other.vkey}\n`, other.vkey.replace(/.{4}$/, '\r$&')),
    },
    'malformed_key',
    (text) => isLoose(text.slice(text.search(/[0-9a-f]{8}\+/) + 9)),
  ),
  stricter(
    {
      name: 'a weak public key',
      why: 'signatures of a key of small order hold for texts that nobody has signed',
      kinds: ['vkey'],
      shown: rows(
        'vkey',
        core.formatVerifierKey(keyOf('weak', core.ED25519, Uint8Array.of(1, ...new Uint8Array(31)))),
      ),
    },
    'weak_key',
    () => true,
  ),
  wider(
    {
      name: 'a key of type 4 or 6',
      why: 'Go knows plain Ed25519 alone; ours knows keys of cosigners too',
      kinds: ['vkey'],
      shown: rows('vkey', core.formatVerifierKey(keyOf('w', core.COSIGNATURE_V1, publicKey))),
    },
    ({ input }) => /\+B[A-Pg-v][^+]*$/.test(textOf(input)),
  ),
  stricter(
    {
      name: 'a bundle of more than 256 entries',
      why: 'Go reads as many as there are; a bundle has at most 256',
      kinds: ['bundle'],
      shown: [{ kind: 'bundle', input: new Uint8Array(2 * 257) }],
    },
    'malformed_bundle',
    (text) => text.length > 2 * 256,
  ),
  {
    name: 'a proof in a tree of more than 2^53 - 1 leaves',
    why: 'sizes are exact numbers here; no tree has so many',
    kinds: ['inclusion'],
    explains: ({ size = 0 }, ours, theirs) =>
      size > core.SIZE_MAX && ours.error === 'malformed_proof' && theirs.fields !== undefined,
    shown: [{ kind: 'inclusion', ...leftmostProof(), size: 2 ** 53 }],
  },
  wider(
    {
      name: 'consistency from size 0',
      why: 'Go refuses to check it; c2sp.org/tlog-witness says that an empty proof and the empty root are right',
      kinds: ['consistency'],
      shown: [
        {
          kind: 'consistency',
          index: 0,
          size: 5,
          hash: core.portableHasher.emptyRoot,
          root: new Uint8Array(32),
          proof: [],
        },
      ],
    },
    ({ index }) => index === 0,
  ),
];

/** The difference that explains why two answers to a case differ, if one does. */
export function explanationOf(one: ParserCase, ours: Outcome, theirs: Outcome): Difference | undefined {
  return DIFFERENCES.find(({ kinds, explains }) => kinds.includes(one.kind) && explains(one, ours, theirs));
}
