import { TlogError } from '../core/error.ts';
import { decodeLeaf } from '../core/event/leaf.ts';
import type { TreeSize } from '../core/units.ts';
import type { Observation } from './observation.ts';

interface Wrong {
  readonly index: number;
  readonly why: string;
}

/** Looks at the entries of a log of events, in their order: each is a leaf of one (EVENT-7), received no earlier than the one before (EVENT-17). */
export class EventCheck {
  readonly #from: TreeSize;
  #receivedMs = 0;
  #first: Wrong | undefined;
  #wrong = 0;

  /** What is wrong with entries below `from` has been told before. */
  constructor(from: TreeSize) {
    this.#from = from;
  }

  /** The entry behind the one that was looked at last. */
  take(index: number, entry: Uint8Array): void {
    const why = this.#look(entry);
    if (why === undefined || index < this.#from) return;
    this.#first ??= { index, why };
    this.#wrong += 1;
  }

  /** What was found in a tree of this size; one observation for all, with the first index. */
  found(size: TreeSize): Observation[] {
    if (this.#first === undefined) return [];
    const { index, why } = this.#first;
    const more = this.#wrong === 1 ? '' : `, and ${this.#wrong - 1} behind it are wrong`;
    const message = `entry ${index}, which the log of events has signed, ${why}${more}`;
    return [{ kind: 'bad_event', message, index, sizes: [size], cause: `entry ${index}` }];
  }

  #look(entry: Uint8Array): string | undefined {
    const receivedMs = receivedOf(entry);
    if (typeof receivedMs === 'string') return receivedMs;
    const beforeMs = this.#receivedMs;
    this.#receivedMs = receivedMs;
    if (receivedMs >= beforeMs) return undefined;
    return `was received ${beforeMs - receivedMs} ms before the one in front of it`;
  }
}

/** When an event was received, or why it is none. */
function receivedOf(entry: Uint8Array): number | string {
  try {
    return decodeLeaf(entry).receivedMs;
  } catch (error) {
    if (!(error instanceof TlogError)) throw error;
    return `is no leaf of one: ${error.message}`;
  }
}
