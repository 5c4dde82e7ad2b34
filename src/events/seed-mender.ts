import { GAPS_MAX, gapsOf, headerOf, openFile, placeOf, type SeedGap } from './seed-header.ts';
import type { SlotFile } from './slot-file.ts';

/** The seed of one leaf, that came from elsewhere and opens its event. */
export interface MendedSeed {
  readonly index: number;
  readonly seed: Uint8Array;
}

/**
 * Puts seeds into the file of a stopped log. One that lies in a gap counts from `finish` on: before, its event stays one
 * that cannot be read, so that a mending that is cut short is no damage.
 */
export class SeedMender {
  readonly #file: SlotFile;
  /** What is left of the gaps. */
  #gaps: readonly SeedGap[];

  private constructor(file: SlotFile, gaps: readonly SeedGap[]) {
    this.#file = file;
    this.#gaps = gaps;
  }

  /** @throws TlogError data_damaged when there is no such file */
  static async open(path: string): Promise<SeedMender> {
    const file = await openFile(path, 'change');
    try {
      return new SeedMender(file, await gapsOf(file, path));
    } catch (error) {
      await file.close();
      throw error;
    }
  }

  /** Takes a leaf out of its gap, if it is in one; false where the header has no room for the gaps that stay. */
  take(index: number): boolean {
    const left = without(this.#gaps, index);
    if (left.length > GAPS_MAX) return false;
    this.#gaps = left;
    return true;
  }

  /** All of them are on the disk when it returns. */
  async put(seeds: readonly MendedSeed[]): Promise<void> {
    if (seeds.length === 0) return;
    for (const { index, seed } of seeds) await this.#file.write(seed, placeOf(index));
    await this.#file.sync();
  }

  /** Writes what is left of the gaps, and closes the file. */
  async finish(): Promise<void> {
    try {
      await this.#file.write(headerOf(this.#gaps), 0);
      await this.#file.sync();
    } finally {
      await this.#file.close();
    }
  }

  async close(): Promise<void> {
    await this.#file.close();
  }
}

/** Gaps in which a leaf is no more. */
function without(gaps: readonly SeedGap[], index: number): readonly SeedGap[] {
  return gaps.flatMap((gap) =>
    index < gap.start || index >= gap.end
      ? [gap]
      : [
          { start: gap.start, end: index },
          { start: index + 1, end: gap.end },
        ].filter(({ start, end }) => start < end),
  );
}
