import { readFileSync } from 'node:fs';
import { parseHex } from '../../../src/core/encoding/hex.ts';
import type { EventLeaf } from '../../../src/core/event/leaf.ts';
import type { SlotName } from '../../../src/core/event/slots.ts';

/** A leaf as spec/vectors/event.json has it; bytes are hex. */
export interface LeafVector {
  readonly name: string;
  /** JSON of the event; of leaves of other types, of what their payload has. */
  readonly event: string;
  readonly type: number;
  readonly received: number;
  readonly labels?: Readonly<Record<string, string>>;
  readonly content?: string;
  readonly marks?: string;
  readonly seed: string;
  readonly salts: readonly string[];
  /** Canonical texts; null for empty slots. */
  readonly values: readonly (string | null)[];
  readonly digests: readonly string[];
  readonly commitment: string;
  readonly entry: string;
  readonly leafHash: string;
}

interface EventVectors {
  readonly origin: string;
  readonly vkey: string;
  readonly leaves: readonly LeafVector[];
  readonly disclosures: readonly {
    readonly name: string;
    readonly index: number;
    readonly withheld: readonly SlotName[];
    readonly file: {
      readonly disclosure: Record<string, unknown>;
      readonly receipt: Record<string, unknown>;
    };
  }[];
  readonly accepted: readonly { readonly name: string; readonly event: string }[];
  readonly refused: readonly { readonly name: string; readonly event: string; readonly pointer: string }[];
}

/** Made by spec/vectors/gen/event.py, which shares no code with the program. */
export const eventVectors: EventVectors = JSON.parse(readFileSync('spec/vectors/event.json', 'utf8'));

/** What a leaf has beside its commitment. */
export function factsOf({
  type,
  received,
  labels,
  content,
  marks,
}: LeafVector): Omit<EventLeaf, 'commitment'> {
  return {
    ...{ type, receivedMs: received },
    ...(labels === undefined ? {} : { labels }),
    ...(content === undefined ? {} : { content: parseHex(content) }),
    ...(marks === undefined ? {} : { marks: parseHex(marks) }),
  };
}
