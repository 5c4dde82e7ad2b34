import fc from 'fast-check';

/** How many cases, and from which seed. */
export interface FuzzSettings {
  readonly cases: number;
  readonly seed: number;
}

/** A parser or a route with the cases made for it. */
export interface Target {
  readonly name: string;
  /** @throws Error with seed and path, and the smallest case that fails */
  fuzz(settings: FuzzSettings): Promise<void>;
}

/** A target from an arbitrary and what holds for each of its values. */
export function target<T>(
  name: string,
  cases: fc.Arbitrary<T>,
  check: (value: T) => void | Promise<void>,
): Target {
  const property = fc.asyncProperty(cases, async (value) => check(value));
  return {
    name,
    fuzz: ({ cases: numRuns, seed }) => fc.assert(property, { numRuns, seed, endOnFailure: false }),
  };
}
