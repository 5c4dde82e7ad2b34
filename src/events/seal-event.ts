import { commitmentTo, type EventHasher } from '../core/event/commitment.ts';
import {
  encodeLeaf,
  type LabelledMembers,
  labelOf,
  type PublicLabel,
  type PublicLabels,
} from '../core/event/leaf.ts';
import type { Hash } from '../core/merkle/hasher.ts';
import type { Random } from '../runtime/random.ts';
import { encryptionKey, sameMac } from './event-keys.ts';
import { NONCE_BYTES, placeOf, sealBytes } from './sealed-bytes.ts';

/** An event that is to be committed: as little as a commit needs, since it waits for it by the thousand. */
export interface NewEvent {
  /** The members that are looked at. */
  readonly event: LabelledMembers & { readonly id: string };
  /** Canonical text of the event, in UTF-8. */
  readonly text: Uint8Array;
  /** Canonical text of what was sent, in UTF-8: a retry is told by it. */
  readonly sent: Uint8Array;
  /** HMAC of tenant and id. */
  readonly idKey: Uint8Array;
  /** Whether the id was sent: one that the server made was never there before. */
  readonly hasId: boolean;
  /** Verbatim bytes of a foreign record, at most 5 MiB. */
  readonly content: Uint8Array | undefined;
}

/** What of it is sealed. */
export type SealableEvent = Pick<NewEvent, 'text' | 'sent' | 'content'> & {
  readonly event: LabelledMembers;
};

/** Where an event goes, and its secret. */
export interface EventPlace {
  readonly index: number;
  readonly receivedMs: number;
  /** 32 bytes. */
  readonly seed: Uint8Array;
}

/** What is stored of an event: nothing that can be read without its seed. */
export interface SealedEvent {
  /** The leaf's entry. */
  readonly entry: Uint8Array;
  readonly leafHash: Hash;
  readonly sameMac: Uint8Array;
  readonly payload: Uint8Array;
  readonly raw: Uint8Array | undefined;
}

/** What sealing is done with. */
export interface SealDeps {
  readonly hasher: EventHasher;
  readonly random: Random;
  readonly origin: string;
  readonly publicLabels: readonly PublicLabel[];
}

/** The leaf and the encrypted payload of an event. */
export function sealEvent(
  deps: SealDeps,
  { event, text, sent, content }: SealableEvent,
  at: EventPlace,
): SealedEvent {
  const { hasher, random, origin } = deps;
  const [key, place] = [encryptionKey(hasher, at.seed), placeOf(origin, at.index)];
  const seal = (plain: Uint8Array): Uint8Array =>
    sealBytes({ key, nonce: random(NONCE_BYTES), place }, plain);
  const entry = entryOf(deps, { event, text }, at);
  return {
    entry,
    leafHash: hasher.leafHash(entry),
    sameMac: sameMac(hasher, at.seed, sent),
    payload: seal(text),
    raw: content === undefined ? undefined : seal(content),
  };
}

function entryOf(
  { hasher, publicLabels }: SealDeps,
  { event, text }: Pick<SealableEvent, 'event' | 'text'>,
  at: EventPlace,
): Uint8Array {
  const commitment = commitmentTo(hasher, text, at.seed);
  const labels = labelsOf(event, publicLabels);
  const shown = Object.keys(labels).length === 0 ? {} : { labels };
  return encodeLeaf({ type: 0, receivedMs: at.receivedMs, commitment, ...shown });
}

function labelsOf(event: LabelledMembers, names: readonly PublicLabel[]): PublicLabels {
  const found = names.map((name) => [name, labelOf(event, name)] as const);
  return Object.fromEntries(found.filter(([, value]) => value !== undefined));
}
