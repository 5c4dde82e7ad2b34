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
  return { name, fuzz: (settings) => assertEach(cases, check, settings) };
}

/**
 * The cases after one that failed are smaller ones of it. Where it has left a server other than its model they may fail for
 * that alone, so what was met first is told too.
 */
async function assertEach<T>(
  cases: fc.Arbitrary<T>,
  check: (value: T) => void | Promise<void>,
  { cases: numRuns, seed }: FuzzSettings,
): Promise<void> {
  let first: { readonly value: T; readonly error: unknown } | undefined;
  const property = fc.asyncProperty(cases, async (value) => {
    try {
      await check(value);
    } catch (error) {
      first ??= { value, error };
      throw error;
    }
  });
  try {
    await fc.assert(property, { numRuns, seed, endOnFailure: false });
  } catch (smallest) {
    throw first === undefined ? smallest : withFirst(smallest as Error, first);
  }
}

function withFirst(smallest: Error, first: { readonly value: unknown; readonly error: unknown }): Error {
  if (String(smallest.cause) === String(first.error)) return smallest;
  const message = `${smallest.message}\nwhich fails by ${smallest.cause}\nThe first that failed: ${fc.stringify(first.value)}`;
  return new Error(message, { cause: first.error });
}
