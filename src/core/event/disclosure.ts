import type { JsonObject } from '../encoding/strict-json.ts';
import { TlogError } from '../error.ts';
import type { Hash } from '../merkle/hasher.ts';
import type { VerifiedCheckpoint } from '../note/checkpoint.ts';
import { type Receipt, type ReceiptExpectation, verifyReceipt } from '../proof/receipt.ts';
import type { LeafIndex } from '../units.ts';
import { commitmentOf, type EventHasher, slotDigest, slotSalts } from './commitment.ts';
import type { AuditEvent } from './event.ts';
import { decodeLeaf, type EventLeaf, encodeLeaf } from './leaf.ts';
import { SLOT_NAMES, type SlotName, slotValues } from './slots.ts';

/** A slot that is shown, null being an empty one, or the digest of one that is not. */
export type DisclosedSlot =
  | { readonly salt: Uint8Array; readonly value: JsonObject | null }
  | { readonly digest: Hash };

/** An event, or as much of it as is shown, with all that its leaf is made of. */
export interface Disclosure extends Omit<EventLeaf, 'commitment'> {
  readonly leafIndex: LeafIndex;
  /** Nine, in the order of SLOT_NAMES. */
  readonly slots: readonly DisclosedSlot[];
}

/** What a disclosure file holds. Nothing of it is verified. */
export interface DisclosureFile {
  readonly disclosure: Disclosure;
  readonly receipt: Receipt;
}

/** All of an event. @throws RangeError unless the seed has 32 bytes */
export function discloseEvent(
  hasher: EventHasher,
  event: AuditEvent,
  { seed, ...leaf }: Omit<Disclosure, 'slots'> & { readonly seed: Uint8Array },
): Disclosure {
  const values = slotValues(event);
  const slots = slotSalts(hasher, seed).map((salt, slot) => ({ salt, value: values[slot] ?? null }));
  return { ...leaf, slots };
}

/**
 * The same with digests in place of some slots, which nobody can guess the content of. `raw` goes with any other: it holds
 * what the others hold.
 */
export function withholdSlots(
  hasher: EventHasher,
  disclosure: Disclosure,
  names: readonly SlotName[],
): Disclosure {
  if (names.length === 0) return disclosure;
  const withheld: ReadonlySet<SlotName> = new Set([...names, 'raw' as const]);
  const slots = disclosure.slots.map((shown, slot) => {
    const isWithheld = SLOT_NAMES.some((name, i) => i === slot && withheld.has(name));
    return isWithheld ? { digest: digestOf(hasher, shown, slot) } : shown;
  });
  return { ...disclosure, slots };
}

/** The entry that the tree must hold if a disclosure is true. @throws TlogError malformed_leaf when none can be like that */
export function disclosedEntry(
  hasher: EventHasher,
  { leafIndex: _, slots, ...leaf }: Disclosure,
): Uint8Array {
  const digests = slots.map((shown, slot) => digestOf(hasher, shown, slot));
  const entry = encodeLeaf({ ...leaf, commitment: commitmentOf(hasher, digests) });
  decodeLeaf(entry);
  return entry;
}

function digestOf(hasher: EventHasher, shown: DisclosedSlot, slot: number): Hash {
  return 'digest' in shown ? shown.digest : slotDigest(hasher, slot, shown);
}

/**
 * Checks a disclosure offline: what is shown, with the digests of what is not, makes a leaf, and verifyReceipt accepts the
 * receipt for it. Gives the checkpoint that now covers the event.
 * @throws TlogError of kind verification or input; whatever is thrown, nothing is proven
 */
export async function verifyDisclosure(
  hasher: EventHasher,
  file: DisclosureFile,
  expected: Omit<ReceiptExpectation, 'entry'>,
): Promise<VerifiedCheckpoint> {
  return verifyReceipt(hasher, file.receipt, { ...expected, entry: provenEntry(hasher, file) });
}

/** The entry that a receipt has to prove. @throws TlogError entry_mismatch when it is about another leaf; malformed_leaf */
export function provenEntry(hasher: EventHasher, { disclosure, receipt }: DisclosureFile): Uint8Array {
  if (disclosure.leafIndex !== receipt.index)
    throw new TlogError(
      'entry_mismatch',
      `the disclosure is of leaf ${disclosure.leafIndex}, its receipt is of leaf ${receipt.index}`,
    );
  return disclosedEntry(hasher, disclosure);
}

/** What is said of each slot: its content, that it has none, or nothing. */
export type SlotState = 'shown' | 'empty' | 'withheld';

/** The members that are shown, and what is said of each slot. */
export function readDisclosure({ slots }: Disclosure): {
  readonly event: Partial<AuditEvent>;
  readonly states: Readonly<Record<SlotName, SlotState>>;
} {
  const event = Object.assign({}, ...slots.map((shown) => ('value' in shown ? shown.value : null)));
  const states = Object.fromEntries(SLOT_NAMES.map((name, slot) => [name, stateOf(slots[slot])])) as Record<
    SlotName,
    SlotState
  >;
  return { event, states };
}

function stateOf(shown: DisclosedSlot | undefined): SlotState {
  if (shown === undefined || 'digest' in shown) return 'withheld';
  return shown.value === null ? 'empty' : 'shown';
}
