import fc from 'fast-check';
import * as core from '../../src/core/core.ts';
import { formatAddCheckpoint } from '../../src/core/note/add-checkpoint.ts';
import { publicKeyOfSeed } from '../../src/keys/signer.ts';
import { hash32, keyName, lineText, size53 } from './parser.ts';

/* Good texts and bytes of every form that is read, from which the cases are made. */

const signature = fc.uint8Array({ minLength: 1, maxLength: 80 });
const keyId = fc.integer({ min: 0, max: 2 ** 32 - 1 });
const noteText = fc.array(lineText, { minLength: 1, maxLength: 5 }).map((lines) => `${lines.join('\n')}\n`);

export const note: fc.Arbitrary<string> = fc
  .tuple(noteText, fc.array(fc.record({ name: keyName, keyId, signature }), { minLength: 1, maxLength: 3 }))
  .map(([text, signed]) => core.formatNote(text, signed));

const extensions = fc.array(lineText, { maxLength: 2 });
export const checkpoint: fc.Arbitrary<string> = fc
  .record({ origin: lineText, size: size53, rootHash: hash32, extensions })
  .map(({ size, ...rest }) => core.formatCheckpoint({ ...rest, size: core.treeSize(size) }));

function keyOf(name: string, type: number, seed: Uint8Array): core.SignerKey {
  const publicKey = publicKeyOfSeed(seed);
  return { name, type, seed, publicKey, keyId: core.computeKeyId(name, type, publicKey) };
}

// Deriving a public key takes longer than all the rest, so there are eight.
const seeds = Array.from({ length: 8 }, (_, i) => new Uint8Array(32).fill(i + 1));
export const signerKey: fc.Arbitrary<core.SignerKey> = fc
  .record({
    name: keyName,
    type: fc.constantFrom(core.ED25519, core.COSIGNATURE_V1),
    seed: fc.constantFrom(...seeds),
  })
  .map(({ name, type, seed }) => keyOf(name, type, seed));

const vkeys = seeds.map((seed, i) =>
  core.formatVerifierKey(keyOf(`key${i}`, i === 0 ? core.ED25519 : core.COSIGNATURE_V1, seed)),
);
const pqKey = { name: 'pq', type: core.ML_DSA_44, publicKey: new Uint8Array(1_312).fill(1) };
/** Of every type that is read. */
export const verifierKey: fc.Arbitrary<string> = fc.oneof(
  signerKey.map(core.formatVerifierKey),
  fc.constant(
    core.formatVerifierKey({ ...pqKey, keyId: core.computeKeyId(pqKey.name, pqKey.type, pqKey.publicKey) }),
  ),
);
export const policy: fc.Arbitrary<string> = fc
  .record({
    threshold: fc.constantFrom('1', '2', 'any', 'all'),
    quorum: fc.constantFrom('w1', 'g1', 'g2', 'none'),
  })
  .map(({ threshold, quorum }) => {
    const witnesses = [1, 2, 3].map((i) => `witness w${i} ${vkeys[i]} https://w${i}.example\n`).join('');
    const groups = `group g1 ${threshold} w1 w2\n\tgroup g2 any g1 w3\n`;
    return `# all\nlog ${vkeys[0]}\n\n${witnesses}${groups}quorum ${quorum}\n`;
  });

export const cosignature: fc.Arbitrary<Uint8Array> = fc
  .record({ timeSec: size53, ed25519: fc.uint8Array({ minLength: 64, maxLength: 64 }) })
  .map(core.encodeCosignature);

const place = fc.record({ index: size53, width: fc.integer({ min: 1, max: 256 }) });
export const tilePath: fc.Arbitrary<string> = fc
  .tuple(fc.integer({ min: 0, max: 63 }), place)
  .map(([level, rest]) => core.formatTilePath({ level, ...rest }));
export const bundlePath: fc.Arbitrary<string> = place.map(core.formatBundlePath);

const entry = fc.oneof(fc.uint8Array({ maxLength: 8 }), fc.constant(new Uint8Array(300).fill(65)));
export const entries: fc.Arbitrary<Uint8Array[]> = fc.array(entry, { minLength: 1, maxLength: 12 });

const proof = fc.array(hash32, { maxLength: 5 });
const claim = { index: size53, leafHash: hash32, treeSize: size53, rootHash: hash32, checkpoint: note };
export const receipt: fc.Arbitrary<string> = fc
  .record({ ...claim, inclusionProof: proof })
  .map(({ index, treeSize, ...rest }) =>
    core.formatReceipt({ ...rest, index: core.leafIndex(index), treeSize: core.treeSize(treeSize) }),
  );

const extra = fc.option(fc.uint8Array({ maxLength: 9 }), { nil: undefined });
export const tlogProof: fc.Arbitrary<string> = fc
  .record({ index: size53, proof, note, extra })
  .map(({ index, extra: bytes, ...rest }) => {
    const claimed = { ...rest, index: core.leafIndex(index) };
    return core.formatTlogProof(bytes === undefined ? claimed : { ...claimed, extra: bytes });
  });

export const addCheckpoint: fc.Arbitrary<string> = fc
  .record({ oldSize: size53.map((size) => core.treeSize(size)), proof, note })
  .map(formatAddCheckpoint);

const accused = fc.constantFrom('log' as const, 'witness' as const);
const notes = fc.tuple(note, note);
export const evidence: fc.Arbitrary<string> = fc
  .oneof<fc.Arbitrary<core.Evidence>[]>(
    fc.record({ accused, kind: fc.constant('two-roots' as const), notes }),
    fc.record({ accused, kind: fc.constant('not-a-prefix' as const), notes, hashes: proof }),
    fc.record({
      accused: fc.constant('log' as const),
      kind: fc.constant('two-leaves' as const),
      notes,
      index: size53.map((index) => core.leafIndex(index)),
      leafHashes: fc.tuple(hash32, hash32),
      inclusionProofs: fc.tuple(proof, proof),
    }),
    fc.record({
      accused: fc.constant('log' as const),
      kind: fc.constant('empty-root' as const),
      notes: fc.tuple(note),
    }),
    fc.record({ accused: fc.constant('witness' as const), kind: fc.constant('backwards' as const), notes }),
  )
  .map(core.formatEvidence);

const eventText = fc.string({ unit: 'grapheme', minLength: 1, maxLength: 8 });
const eventName = fc.constantFrom('a', 'e-1', '~.', 'order:9@shop');
const identity = fc.record(
  { type: eventText, id: eventText, name: eventText },
  { requiredKeys: ['type', 'id'] },
);

/** The JSON of an audit event: any of its members that may be missing, of few values. */
export const auditEvent: fc.Arbitrary<string> = fc
  .record(
    {
      schema: fc.constant(core.EVENT_SCHEMA),
      id: eventName,
      time: fc.constantFrom('2026-11-23T21:00:00Z', '2024-02-29T00:00:00.000000001Z'),
      action: fc.constantFrom('user.login', 'a', 'k8s.pods-exec.create'),
      kind: fc.constantFrom(...core.EVENT_KINDS),
      operation: fc.constantFrom(...core.EVENT_OPERATIONS),
      outcome: fc.constantFrom(...core.EVENT_OUTCOMES),
      reason: fc.record({ code: eventText, message: eventText }, { requiredKeys: [] }),
      actor: identity,
      targets: fc.array(identity, { maxLength: 2 }),
      source: fc.record({ ip: eventText, forwarded: fc.array(eventText, { maxLength: 2 }) }),
      service: fc.record({ name: eventText }),
      changes: fc.array(fc.record({ path: fc.constantFrom('', '/a~1b'), old: fc.integer() }), {
        maxLength: 2,
      }),
      labels: fc.dictionary(eventText, eventText, { maxKeys: 3, noNullPrototype: true }),
      data: fc.dictionary(eventText, plainValue([]), { maxKeys: 3, noNullPrototype: true }),
    },
    { requiredKeys: ['schema', 'id', 'time', 'action', 'outcome', 'actor'] },
  )
  .map((event) => JSON.stringify(event));

const leafFacts = fc.record(
  { receivedMs: size53, labels: fc.constantFrom({ kind: 'api' }, { outcome: 'x', 'service.name': 'é' }) },
  { requiredKeys: ['receivedMs'] },
);
const marks = fc.constantFrom({}, { marks: new Uint8Array(16) });
const typed = fc.constantFrom({ type: 0 }, { type: 4, content: Uint8Array.of(0xa1, 0x00, 0x81, 0x18, 0xff) });
export const eventLeaf: fc.Arbitrary<Uint8Array> = fc
  .tuple(typed, leafFacts, marks, hash32)
  .map(([type, facts, more, commitment]) => core.encodeLeaf({ ...type, ...facts, ...more, commitment }));

const hasher = core.portableEventHasher;
const disclosed = fc.record({
  event: auditEvent,
  seed: hash32,
  withheld: fc.subarray([...core.SLOT_NAMES]),
  leafIndex: size53.map(core.leafIndex),
  receivedMs: size53,
  receipt,
});
export const disclosure: fc.Arbitrary<string> = disclosed.map(
  ({ event, withheld, receipt: text, ...facts }) => {
    const whole = core.discloseEvent(hasher, core.parseEvent(event), { ...facts, type: 0 });
    const shown = core.withholdSlots(hasher, whole, withheld);
    return core.formatDisclosure({ disclosure: shown, receipt: core.parseReceipt(JSON.parse(text)) });
  },
);

/** A value of JSON, with byte strings beside; numbers below 2^32, which have one form in CBOR for every encoder. */
export function plainValue(leaves: readonly fc.Arbitrary<unknown>[]): fc.Arbitrary<unknown> {
  const key = fc.string({ maxLength: 5 }).filter((name) => name !== '__proto__');
  const number = fc.integer({ min: -(2 ** 31), max: 2 ** 32 - 1 });
  const leaf = fc.oneof(number, fc.string({ unit: 'grapheme' }), fc.boolean(), fc.constant(null), ...leaves);
  return fc.letrec((tie) => ({
    value: fc.oneof(
      { depthSize: 'small', maxDepth: 5 },
      leaf,
      fc.array(tie('value'), { maxLength: 4 }),
      fc.dictionary(key, tie('value'), { maxKeys: 4, noNullPrototype: true }),
    ),
  })).value;
}

/** The leaf hash of an entry given as text, in hex. */
export function leafHashOf(entryText: fc.Arbitrary<string>): fc.Arbitrary<string> {
  return entryText.map((text) => core.formatHex(core.portableHasher.leafHash(Buffer.from(text))));
}
