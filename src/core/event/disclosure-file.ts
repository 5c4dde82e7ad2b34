import { formatBase64, parseBase64 } from '../encoding/base64.ts';
import { canonicalJson, isObject } from '../encoding/canonical-json.ts';
import { type JsonObject, type JsonValue, parseStrictJson, pointerTo } from '../encoding/strict-json.ts';
import { TlogError } from '../error.ts';
import { HASH_BYTES } from '../merkle/hasher.ts';
import { formatReceipt, parseReceipt } from '../proof/receipt.ts';
import { leafIndex, SIZE_MAX } from '../units.ts';
import type { DisclosedSlot, Disclosure, DisclosureFile } from './disclosure.ts';
import { checkMembers, EVENT_DEPTH_MAX } from './event.ts';
import { LEAF_TYPES, LEAF_VERSION, labelOf, PUBLIC_LABELS, type PublicLabels } from './leaf.ts';
import { anything, count, Faults, type MemberFault, object, type Shape, text, textThat } from './shape.ts';
import { isNeverEmpty, membersOfSlot, SLOT_NAMES } from './slots.ts';

/** Longest disclosure file read, in characters: an event and a note of the longest kind, escaped. */
export const DISCLOSURE_LENGTH_MAX = 5_000_000;
/** The value of a slot stands in a slot, in a list, in a disclosure, in the file. */
const DEPTH_MAX = EVENT_DEPTH_MAX + 4;
/** Longest text of a leaf's entry. */
const BASE64_LENGTH_MAX = 90_000;

/** True iff a text can be a disclosure file: none of the other files has such a member. */
export function isDisclosure(file: string): boolean {
  return /^\s*\{/.test(file) && /"disclosure"\s*:/.test(file);
}

/** The file: one line of JSON with an LF. */
export function formatDisclosure({ disclosure, receipt }: DisclosureFile): string {
  return `{"disclosure":${canonicalJson(jsonOf(disclosure))},"receipt":${formatReceipt(receipt).trimEnd()}}\n`;
}

function jsonOf({
  leafIndex: index,
  receivedMs,
  type,
  labels,
  content,
  marks,
  slots,
}: Disclosure): JsonObject {
  return {
    ...{ leafIndex: index, version: LEAF_VERSION, type, received: receivedMs },
    ...(labels === undefined ? {} : { labels: { ...labels } }),
    ...(content === undefined ? {} : { content: formatBase64(content) }),
    ...(marks === undefined ? {} : { marks: formatBase64(marks) }),
    slots: slots.map((shown, slot) =>
      'digest' in shown
        ? { slot, digest: formatBase64(shown.digest) }
        : { slot, salt: formatBase64(shown.salt), value: shown.value },
    ),
  };
}

/**
 * A disclosure file from its text. What is shown has the form of an event; nothing is verified.
 * @throws TlogError malformed_disclosure with `details.errors`, a list of `{pointer, detail}`; malformed_proof
 */
export function parseDisclosure(file: string): DisclosureFile {
  if (file.length > DISCLOSURE_LENGTH_MAX)
    throw malformed([{ pointer: '', detail: `longer than ${DISCLOSURE_LENGTH_MAX} characters` }]);
  const json = parseStrictJson(file, DEPTH_MAX, (pointer, detail) => malformed([{ pointer, detail }]));
  const faults = new Faults();
  FILE(json, '', faults);
  if (faults.found.length > 0) throw malformed(faults.found);
  const { disclosure, receipt } = json as unknown as FileJson;
  checkSlots(disclosure, faults);
  if (faults.found.length > 0) throw malformed(faults.found);
  return { disclosure: readJson(disclosure), receipt: parseReceipt(receipt) };
}

/** What FILE accepts. */
interface FileJson {
  readonly disclosure: DisclosureJson;
  readonly receipt: JsonValue;
}
interface DisclosureJson {
  readonly leafIndex: number;
  readonly type: number;
  readonly received: number;
  readonly labels?: PublicLabels;
  readonly content?: string;
  readonly marks?: string;
  readonly slots: readonly SlotJson[];
}
type SlotJson = { readonly slot: number } & (
  | { readonly salt: string; readonly value: JsonObject | null }
  | { readonly digest: string }
);

const isBase64 = (value: string): boolean => {
  try {
    return value.length <= BASE64_LENGTH_MAX && parseBase64(value).length >= 0;
  } catch {
    return false; // malformed_base64 is all that it throws
  }
};
const base64 = textThat(isBase64, `base64 of at most ${BASE64_LENGTH_MAX} characters`);
const bytes32 = textThat(
  (value) => isBase64(value) && parseBase64(value).length === HASH_BYTES,
  'base64 of 32 bytes',
);
const one = (wanted: number): Shape => {
  return (value, pointer, faults) => {
    if (value !== wanted) faults.add(pointer, `the number ${wanted}`);
  };
};
const objectOrNull: Shape = (value, pointer, faults) => {
  if (value !== null && !isObject(value)) faults.add(pointer, 'an object or null');
};
const slots: Shape = (value, pointer, faults) => {
  if (!Array.isArray(value) || value.length !== SLOT_NAMES.length)
    return faults.add(pointer, `a list of ${SLOT_NAMES.length}`);
  for (const [slot, shown] of (value as readonly JsonValue[]).entries()) {
    const isWithheld = isObject(shown) && Object.hasOwn(shown, 'digest');
    const members: Record<string, Shape> = isWithheld
      ? { digest: bytes32 }
      : { salt: bytes32, value: objectOrNull };
    object({ slot: one(slot), ...members }, {})(shown, pointerTo(pointer, slot), faults);
  }
};
const labels: Shape = (value, pointer, faults) => {
  object({}, Object.fromEntries(PUBLIC_LABELS.map((label) => [label, text(500)])))(value, pointer, faults);
  if (isObject(value) && Object.keys(value).length === 0) faults.add(pointer, 'never empty');
};
const FILE = object(
  {
    disclosure: object(
      {
        leafIndex: count(SIZE_MAX),
        version: one(LEAF_VERSION),
        type: count(LEAF_TYPES.length - 1),
        received: count(SIZE_MAX),
        slots,
      },
      { labels, content: base64, marks: base64 },
    ),
    receipt: anything,
  },
  {},
);

/** A log that committed to something else than the parts of an event must not make readers take it for one. */
function checkSlots({ type, labels: shownLabels = {}, slots: shown }: DisclosureJson, faults: Faults): void {
  for (const [slot, name] of SLOT_NAMES.entries()) {
    const part = shown[slot];
    if (part === undefined || !('value' in part)) continue;
    const pointer = `/disclosure/slots/${slot}/value`;
    if (part.value !== null) checkMembers(membersOfSlot(name), part.value, { pointer, faults });
    else if (type === 0 && isNeverEmpty(name)) faults.add(pointer, `the ${name} of an event is never empty`);
    for (const label of name === 'core' ? PUBLIC_LABELS : [])
      if (shownLabels[label] !== undefined && shownLabels[label] !== labelOf(part.value ?? {}, label))
        faults.add(`/disclosure/labels/${label}`, 'is not what the event has');
  }
}

function readJson({
  leafIndex: index,
  type,
  received,
  labels: shown,
  content,
  marks,
  slots: parts,
}: DisclosureJson): Disclosure {
  return {
    ...{ leafIndex: leafIndex(index), type, receivedMs: received },
    ...(shown === undefined ? {} : { labels: shown }),
    ...(content === undefined ? {} : { content: parseBase64(content) }),
    ...(marks === undefined ? {} : { marks: parseBase64(marks) }),
    slots: parts.map(readSlot),
  };
}

function readSlot(shown: SlotJson): DisclosedSlot {
  if ('digest' in shown) return { digest: parseBase64(shown.digest) };
  return { salt: parseBase64(shown.salt), value: shown.value };
}

function malformed(errors: readonly MemberFault[]): TlogError {
  const [first] = errors;
  return new TlogError(
    'malformed_disclosure',
    `not the disclosure of an event: ${first?.pointer}: ${first?.detail}`,
    { details: { errors } },
  );
}
