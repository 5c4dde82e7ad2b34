import { concatBytes } from '../bytes.ts';
import { CBOR, CborReader, cborBytes, cborHead, cborText } from '../encoding/canonical-cbor.ts';
import { TlogError } from '../error.ts';
import { HASH_BYTES, type Hash } from '../merkle/hasher.ts';
import type { AuditEvent } from './event.ts';

/** What a leaf is about; its type is the place in this list. Only the server makes others than events. */
export const LEAF_TYPES = ['event', 'erasure', 'retention', 'hold', 'access'] as const;
/** The only version of leaves that there is. */
export const LEAF_VERSION = 1;
/** A mark is this long; a leaf holds any number of them. */
const MARK_BYTES = 16;

/** Members that a log can show in its leaves, in the order of their encoded names. */
export const PUBLIC_LABELS = ['kind', 'outcome', 'operation', 'service.name'] as const;
export type PublicLabel = (typeof PUBLIC_LABELS)[number];
export type PublicLabels = Readonly<Partial<Record<PublicLabel, string>>>;

/** What the tree holds of an event: nothing that says who or what, unless the log was made to show it. */
export interface EventLeaf {
  /** Place in LEAF_TYPES. */
  readonly type: number;
  /** When the server had it, in milliseconds since 1970; never less than in the leaf before. */
  readonly receivedMs: number;
  readonly commitment: Hash;
  /** Never empty. */
  readonly labels?: PublicLabels;
  /** CBOR of one map; of all types but events. */
  readonly content?: Uint8Array;
  /** A multiple of 16 bytes. Nothing writes them yet. */
  readonly marks?: Uint8Array;
}

/** The members of an event that public labels repeat. */
export type LabelledMembers = {
  readonly [M in 'kind' | 'outcome' | 'operation' | 'service']?: AuditEvent[M] | undefined;
};

/** The member of an event that a public label repeats. */
export function labelOf(event: LabelledMembers, label: PublicLabel): string | undefined {
  return label === 'service.name' ? event.service?.name : event[label];
}

const [KEY_0_VERSION, KEY_1, KEY_2, KEY_3] = [
  Uint8Array.of(0, LEAF_VERSION),
  Uint8Array.of(1),
  Uint8Array.of(2),
  Uint8Array.of(3),
];

/** The entry of a leaf: what its leaf hash is made of. */
export function encodeLeaf({ type, receivedMs, commitment, labels, content, marks }: EventLeaf): Uint8Array {
  const uint = (n: number): Uint8Array => cborHead(CBOR.uint, n);
  const pairs = 4 + [labels, content, marks].filter((value) => value !== undefined).length;
  const parts = [cborHead(CBOR.map, pairs), KEY_0_VERSION, KEY_1, uint(type), KEY_2, uint(receivedMs)];
  parts.push(KEY_3, ...cborBytes(commitment));
  if (labels !== undefined) parts.push(uint(4), ...encodeLabels(labels));
  if (content !== undefined) parts.push(uint(5), content);
  if (marks !== undefined) parts.push(uint(6), ...cborBytes(marks));
  return concatBytes(...parts);
}

function encodeLabels(labels: PublicLabels): readonly Uint8Array[] {
  const pairs = PUBLIC_LABELS.flatMap((label) => {
    const value = labels[label];
    return value === undefined ? [] : [[...cborText(label), ...cborText(value)]];
  });
  return [cborHead(CBOR.map, pairs.length), ...pairs.flat()];
}

/** The leaf of an entry, in the one form that encodeLeaf writes. Shares no memory. @throws TlogError malformed_leaf */
export function decodeLeaf(entry: Uint8Array): EventLeaf {
  const cbor = new CborReader(Uint8Array.from(entry), malformed);
  let pairsLeft = cbor.head(CBOR.map);
  const has = (key: number): boolean => {
    const isNext = pairsLeft > 0 && cbor.takes(key);
    if (isNext) pairsLeft -= 1;
    return isNext;
  };
  const reach = (key: number): void => {
    if (!has(key)) throw malformed(`key ${key} is missing`);
  };
  reach(0);
  const version = cbor.head(CBOR.uint);
  if (version !== LEAF_VERSION) throw malformed(`version ${version}, not ${LEAF_VERSION}`);
  reach(1);
  const type = cbor.head(CBOR.uint);
  reach(2);
  const receivedMs = cbor.head(CBOR.uint);
  reach(3);
  const commitment = cbor.bytes();
  const leaf: EventLeaf = {
    ...{ type, receivedMs, commitment },
    ...(has(4) ? { labels: readLabels(cbor) } : {}),
    ...(has(5) ? { content: cbor.map() } : {}),
    ...(has(6) ? { marks: cbor.bytes() } : {}),
  };
  if (pairsLeft > 0) throw malformed('a key that is not known, or not in its place');
  cbor.end();
  checkLeaf(leaf);
  return leaf;
}

function checkLeaf({ type, commitment, content, marks }: EventLeaf): void {
  if (type >= LEAF_TYPES.length) throw malformed(`type ${type}`);
  if (commitment.length !== HASH_BYTES) throw malformed(`a commitment of ${commitment.length} bytes`);
  if ((type === 0) !== (content === undefined)) throw malformed('content is of all types but events');
  if (marks !== undefined && marks.length % MARK_BYTES !== 0)
    throw malformed(`marks of ${marks.length} bytes`);
}

function readLabels(cbor: CborReader): PublicLabels {
  const labels: Partial<Record<PublicLabel, string>> = {};
  const count = cbor.head(CBOR.map);
  if (count === 0) throw malformed('labels that are there are never empty');
  let after = -1;
  for (let left = count; left > 0; left -= 1) {
    const name = cbor.text();
    const place = PUBLIC_LABELS.findIndex((label, i) => i > after && label === name);
    const label = PUBLIC_LABELS[place];
    if (label === undefined) throw malformed('a label is not public, there twice or not in its place');
    labels[label] = cbor.text();
    after = place;
  }
  return labels;
}

function malformed(why: string): TlogError {
  return new TlogError('malformed_leaf', `not the leaf of an audit event: ${why}`);
}
