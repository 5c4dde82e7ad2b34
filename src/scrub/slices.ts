import { systemClock } from '../runtime/clock.ts';
import { type SliceBounds, Slices } from '../runtime/slices.ts';

/** Bytes hashed, or hashes made, between two turns of the event loop: about a millisecond. */
const SLICE: SliceBounds = { bytes: 1024 * 1024, steps: 128 };

/** What re-reading all that is stored is cut into. */
export function scrubSlices(turn: () => Promise<void> = systemClock.nextTurn): Slices {
  return new Slices(SLICE, turn);
}
