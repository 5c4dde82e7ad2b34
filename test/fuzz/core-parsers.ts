import { decode as oracleDecode, encode as oracleEncode } from 'cborg';
import fc from 'fast-check';
import * as core from '../../src/core/core.ts';
import { canonicalJson } from '../../src/core/encoding/canonical-json.ts';
import { decodeCbor } from '../../src/core/encoding/cbor.ts';
import { parseStrictJson } from '../../src/core/encoding/strict-json.ts';
import { formatAddCheckpoint, parseAddCheckpoint } from '../../src/core/note/add-checkpoint.ts';
import { encodeEntries } from '../../src/core/tile/bundle.ts';
import { splitBundle, splitLines } from '../../src/http/batch.ts';
import { publicKeyOfSeed } from '../../src/keys/signer.ts';
import * as forms from './forms.ts';
import { bytesParser, hash32, size53, textParser } from './parser.ts';
import type { Target } from './target.ts';

const bytes = fc.uint8Array({ maxLength: 40 });

/** A signer key as text and back: derived keys are kept, as deriving one is slow. */
const publicKeys = new Map<string, Uint8Array>();
function publicKeyOf(seed: Uint8Array): Uint8Array {
  const name = Buffer.from(seed).toString('hex');
  const made = publicKeys.get(name) ?? publicKeyOfSeed(seed);
  publicKeys.set(name, made);
  return made;
}

function sameAsOracle(value: unknown, input: Uint8Array): void {
  const [ours, theirs] = [oracleEncode(value), oracleEncode(oracleDecode(input))].map((form) =>
    Buffer.from(form).toString('hex'),
  );
  if (ours !== theirs) throw new Error(`read as ${ours}, by the other reader as ${theirs}`);
}

function joinLines(lines: readonly Uint8Array[]): Uint8Array {
  return Buffer.from(lines.map((line) => Buffer.from(line).toString('latin1')).join('\n'), 'latin1');
}

/** Every parser of src/core, and of bodies. */
export const coreParsers: readonly Target[] = [
  textParser('size', { good: size53.map(String), parse: core.parseTreeSize, format: String }),
  textParser('base64', {
    good: bytes.map(core.formatBase64),
    parse: core.parseBase64,
    format: core.formatBase64,
  }),
  textParser('hex', {
    good: bytes.map(core.formatHex),
    parse: (text) => core.parseHex(text),
    format: core.formatHex,
  }),
  textParser('hex of 32', {
    good: hash32.map(core.formatHex),
    parse: (text) => core.parseHex(text, 32),
    format: core.formatHex,
  }),
  bytesParser('cbor', {
    good: forms.plainValue([bytes]).map((value) => oracleEncode(value)),
    parse: decodeCbor,
    holds: sameAsOracle,
  }),
  textParser('note', {
    good: forms.note,
    parse: core.parseNote,
    format: ({ text, signatures }) => core.formatNote(text, signatures),
  }),
  bytesParser('note bytes', {
    good: forms.note.map((text) => Buffer.from(text)),
    parse: core.parseNote,
    format: ({ text, signatures }) => Buffer.from(core.formatNote(text, signatures)),
  }),
  textParser('checkpoint', {
    good: forms.checkpoint,
    parse: core.parseCheckpoint,
    format: core.formatCheckpoint,
  }),
  textParser('vkey', {
    good: forms.verifierKey,
    parse: core.parseVerifierKey,
    format: core.formatVerifierKey,
  }),
  textParser('skey', {
    good: forms.signerKey.map(core.formatSignerKey),
    parse: (text) => core.parseSignerKey(text, publicKeyOf),
    format: core.formatSignerKey,
  }),
  textParser('policy', {
    good: forms.policy,
    parse: core.parsePolicy,
    holds: (policy) => {
      core.evaluatePolicy(
        policy,
        policy.witnesses.map(({ name }) => ({ witness: name, timeSec: 1 })),
      );
    },
  }),
  bytesParser('cosignature', {
    good: forms.cosignature,
    parse: core.decodeCosignature,
    format: core.encodeCosignature,
  }),
  textParser('tile path', { good: forms.tilePath, parse: core.parseTilePath, format: core.formatTilePath }),
  textParser('bundle path', {
    good: forms.bundlePath,
    parse: core.parseBundlePath,
    format: core.formatBundlePath,
  }),
  bytesParser('bundle', {
    good: forms.entries.map(core.encodeBundle),
    parse: (body) => core.decodeBundle(body),
    format: core.encodeBundle,
  }),
  bytesParser('batch bundle', {
    good: forms.entries.map(encodeEntries),
    parse: splitBundle,
    format: encodeEntries,
  }),
  bytesParser('batch lines', {
    good: fc
      .array(fc.uint8Array({ minLength: 1, maxLength: 9 }), { minLength: 1 })
      .map((lines) => joinLines(lines.map((line) => line.map((byte) => (byte === 10 ? 13 : byte))))),
    parse: splitLines,
    holds: (lines, body) => {
      const joined = Buffer.from(joinLines(lines));
      if (!joined.equals(body) && !Buffer.concat([joined, Buffer.from('\n')]).equals(body))
        throw new Error('the lines are not those of the body');
    },
  }),
  textParser('receipt', {
    good: forms.receipt,
    parse: (text) => core.parseReceipt(jsonOrText(text)),
    holds: (receipt) => {
      const again = core.parseReceipt(JSON.parse(core.formatReceipt(receipt)));
      if (core.formatReceipt(again) !== core.formatReceipt(receipt))
        throw new Error('a receipt reads back as another');
    },
  }),
  bytesParser('add-checkpoint', {
    good: forms.addCheckpoint.map((text) => Buffer.from(text)),
    parse: parseAddCheckpoint,
    format: (request) => Buffer.from(formatAddCheckpoint(request)),
  }),
  textParser('fork evidence', {
    good: forms.evidence,
    parse: core.parseEvidence,
    holds: (evidence) => {
      const again = core.formatEvidence(core.parseEvidence(core.formatEvidence(evidence)));
      if (again !== core.formatEvidence(evidence)) throw new Error('evidence reads back as another');
    },
  }),
  textParser('strict json', {
    good: forms.plainValue([]).map((value) => JSON.stringify(value)),
    parse: (text) =>
      parseStrictJson(text, 32, (pointer, why) => new core.TlogError('invalid_json', `${pointer} ${why}`)),
    holds: (value, text) => {
      if (JSON.stringify(value) !== JSON.stringify(JSON.parse(text)))
        throw new Error('JSON.parse reads another value');
    },
  }),
  textParser('audit event', {
    good: forms.auditEvent,
    parse: core.parseEvent,
    holds: (event) => {
      const again = canonicalJson(event as unknown as core.JsonObject);
      if (canonicalJson(core.parseEvent(again) as unknown as core.JsonObject) !== again)
        throw new Error('an event reads back as another');
      if (
        core.slotValues(event).flatMap((value) => Object.keys(value ?? {})).length !==
        Object.keys(event).length
      )
        throw new Error('a member is in no slot, or in two');
    },
  }),
  bytesParser('event leaf', { good: forms.eventLeaf, parse: core.decodeLeaf, format: core.encodeLeaf }),
  textParser('disclosure', {
    good: forms.disclosure,
    parse: core.parseDisclosure,
    holds: (file) => {
      const again = core.formatDisclosure(core.parseDisclosure(core.formatDisclosure(file)));
      if (again !== core.formatDisclosure(file)) throw new Error('a disclosure reads back as another');
    },
  }),
  textParser('tlog-proof', {
    good: forms.tlogProof,
    parse: core.parseTlogProof,
    format: core.formatTlogProof,
  }),
];

/** JSON where it is some; a receipt's own parser gets every value there is. */
function jsonOrText(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text; // SyntaxError
  }
}
