/** A mutation run repeats tests hundreds of times: there they try fewer trees (vitest.mutation.config.ts). */
export const isBrief: boolean = process.env['BRIEF'] === 'yes';
/** Trees up to this size are tried with every leaf, or from every smaller size. */
export const WHOLE_TREES_TO: number = isBrief ? 17 : 300;

/** Sizes that a test builds a tree of; in brief the small ones. */
export function builtSizes(sizes: readonly number[]): number[] {
  return sizes.filter((size) => !isBrief || size <= 600);
}
