/** Names that are kept of many. */
const NAMES_MAX = 100;

/** How many rows, and the names of the first hundred. */
export interface Tally {
  readonly count: number;
  readonly names: readonly string[];
}

/** Counts rows by name. */
export class Counter implements Tally {
  count = 0;
  readonly names: string[] = [];

  add(name: string): void {
    this.count += 1;
    if (this.names.length < NAMES_MAX) this.names.push(name);
  }
}

/** Tallies of one sort as one. */
export function joined(...tallies: readonly Tally[]): Tally {
  return {
    count: tallies.reduce((sum, { count }) => sum + count, 0),
    names: tallies.flatMap(({ names }) => names).slice(0, NAMES_MAX),
  };
}
