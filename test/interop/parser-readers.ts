import * as core from '../../src/core/core.ts';
import { utf8Decode } from '../../src/core/encoding/utf8.ts';
import { distinctLines } from '../../src/core/note/signed-note.ts';
import { createSigner, publicKeyOfSeed } from '../../src/keys/signer.ts';
import { ed25519Verify } from '../../src/runtime/ed25519.ts';

/** What both sides are given. Of a proof `index` is the leaf, or the old size, and `hash` its hash. */
export interface ParserCase {
  readonly kind: string;
  readonly input?: Uint8Array;
  readonly vkeys?: readonly string[];
  readonly index?: number;
  readonly size?: number;
  readonly hash?: Uint8Array;
  readonly root?: Uint8Array;
  readonly proof?: readonly Uint8Array[];
}
/** The fields that were read, as text, or the code of the refusal. */
export interface Outcome {
  readonly fields?: readonly string[];
  readonly error?: string;
}

type Reader = (one: Required<ParserCase>) => readonly string[] | Promise<readonly string[]>;

/** What our parsers read, field by field as test/interop/go/parsers gives it. */
const READERS: Readonly<Record<string, Reader>> = {
  note: readNote,
  checkpoint: ({ input }) => {
    const { origin, size, rootHash, extensions } = core.parseCheckpoint(textOf(input));
    const rest = extensions.map((line) => `${line}\n`).join('');
    return [origin, String(size), core.formatBase64(rootHash), rest];
  },
  tree: ({ input }) => {
    const { size, rootHash } = core.parseCheckpoint(textOf(input));
    return [String(size), core.formatBase64(rootHash)];
  },
  'tile path': ({ input }) => {
    const path = textOf(input);
    const isBundle = path.startsWith('tile/entries/');
    const { level, index, width } = isBundle
      ? { level: -1, ...core.parseBundlePath(path) }
      : core.parseTilePath(path);
    return [level, index, width].map(String);
  },
  vkey: ({ input }) => {
    const key = core.parseVerifierKey(textOf(input));
    return [key.name, core.formatKeyId(key.keyId)];
  },
  skey: async ({ input }) => {
    const text = textOf(input);
    const key = core.parseSignerKey(text, publicKeyOfSeed);
    const signature = await createSigner(text).sign(Buffer.from('text\n'));
    return [key.name, core.formatKeyId(key.keyId), core.formatBase64(signature)];
  },
  bundle: ({ input }) => core.decodeBundle(input).map(core.formatBase64),
  inclusion: ({ index, size, hash, root, proof }) => {
    const claim = {
      index: index as core.LeafIndex,
      size: size as core.TreeSize,
      leafHash: hash,
      root,
      proof,
    };
    core.verifyInclusion(core.portableHasher, claim);
    return [];
  },
  consistency: ({ index, size, hash, root, proof }) => {
    const [oldSize, newSize] = [index as core.TreeSize, size as core.TreeSize];
    core.verifyConsistency(core.portableHasher, { oldSize, newSize, oldRoot: hash, newRoot: root, proof });
    return [];
  },
};

/** What ours makes of a case. Throws what is no TlogError. */
export async function readByOurs(one: ParserCase): Promise<Outcome> {
  try {
    const read = READERS[one.kind];
    if (read === undefined) throw new Error(`no reader of ${one.kind}`);
    return { fields: await read(one as Required<ParserCase>) };
  } catch (error) {
    if (error instanceof core.TlogError) return { error: error.code };
    throw error;
  }
}

/** The case as a line for the program in Go, whose tiles have their height in the path and whose bundles are `data`. */
export function formatCase({ kind, input, hash, root, proof, ...rest }: ParserCase): string {
  const path = (text: string): string =>
    text.replace(/^tile\/entries\//, 'tile/data/').replace(/^tile\//, 'tile/8/');
  const given = kind === 'tile path' && input !== undefined ? Buffer.from(path(textOf(input))) : input;
  const base64 = (bytes: Uint8Array | undefined) => bytes && Buffer.from(bytes).toString('base64');
  return JSON.stringify({
    kind,
    ...rest,
    input: base64(given),
    hash: base64(hash),
    root: base64(root),
    proof: proof?.map(base64),
  });
}

async function readNote({ input, vkeys }: Required<ParserCase>): Promise<string[]> {
  const verifiers = vkeys.map((vkey) => core.createNoteVerifier(vkey, ed25519Verify));
  const { text, verified, unknown } = await core.verifyNote(input, verifiers).catch((error) => {
    // The other side says what it has read in a note that no known key has signed.
    if ((error as core.TlogError).code !== 'unverified_note') throw error;
    const { text, signatures } = core.parseNote(input);
    return { text, verified: [], unknown: distinctLines(signatures) };
  });
  const shown = (status: string) => (one: core.NoteSignature) => {
    const base64 = one.line.slice(one.line.lastIndexOf(' ') + 1);
    return `${status} ${one.name} ${core.formatKeyId(one.keyId)} ${base64}`;
  };
  return [text, ...verified.map(shown('verified')), ...unknown.map(shown('unknown'))];
}

/** Every text of ours comes out of bytes that are UTF-8. */
function textOf(bytes: Uint8Array): string {
  return utf8Decode(bytes) ?? '\ufffd';
}
