/** The middle value; of an even number of values, the mean of the two middle ones; of none, NaN. */
export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length / 2;
  const low = sorted[Math.ceil(middle) - 1] ?? Number.NaN;
  return (low + (sorted[Math.floor(middle)] ?? low)) / 2;
}

/** Times in milliseconds below which so many of all lie. */
export interface Percentiles {
  readonly p50Ms: number;
  readonly p90Ms: number;
  readonly p99Ms: number;
  readonly p999Ms: number;
  readonly maxMs: number;
}

/** The percentiles of a list of times (nearest rank); of an empty list, all NaN. */
export function percentiles(timesMs: readonly number[]): Percentiles {
  const sorted = Float64Array.from(timesMs).sort();
  const at = (part: number): number => sorted[Math.max(0, Math.ceil(sorted.length * part) - 1)] ?? Number.NaN;
  return { p50Ms: at(0.5), p90Ms: at(0.9), p99Ms: at(0.99), p999Ms: at(0.999), maxMs: at(1) };
}

/** The middle of some ratios, and how far they lie apart. */
export interface Spread {
  readonly ratio: number;
  readonly ratioMin: number;
  readonly ratioMax: number;
}

/** Ours over theirs, within each pair: what slows the machine for a while slows both. */
export function ratioSpread(pairs: readonly { readonly ours: number; readonly theirs: number }[]): Spread {
  const ratios = pairs.map(({ ours, theirs }) => ours / theirs);
  return { ratio: median(ratios), ratioMin: Math.min(...ratios), ratioMax: Math.max(...ratios) };
}
