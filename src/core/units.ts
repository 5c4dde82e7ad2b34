import { TlogError } from './error.ts';

declare const unit: unique symbol;
type Unit<T, U extends string> = T & { readonly [unit]: U };

/** Number of leaves in a tree. 0 is the empty tree. */
export type TreeSize = Unit<number, 'TreeSize'>;
/** Zero-based position of a leaf; exists in a tree of size s iff index < s. */
export type LeafIndex = Unit<number, 'LeafIndex'>;

/** Largest size or index: 2^53 - 1. Larger ones from outside are refused, never rounded. */
export const SIZE_MAX: number = Number.MAX_SAFE_INTEGER;

/** Brands a size computed inside the program. @throws RangeError our own bug, do not catch */
export function treeSize(n: number): TreeSize {
  if (!Number.isSafeInteger(n) || n < 0) throw new RangeError(`tree size: ${n}`);
  return n as TreeSize;
}

/** Brands a leaf index computed inside the program. @throws RangeError our own bug, do not catch */
export function leafIndex(n: number): LeafIndex {
  if (!Number.isSafeInteger(n) || n < 0) throw new RangeError(`leaf index: ${n}`);
  return n as LeafIndex;
}

const DECIMAL = /^(0|[1-9][0-9]{0,15})$/;

/**
 * A whole number from its one accepted decimal spelling: no sign, no leading zero, at most 2^53 - 1.
 * @throws TlogError malformed_number
 */
export function parseDecimal(text: string): number {
  const n = DECIMAL.test(text) ? Number(text) : Number.NaN;
  if (!Number.isSafeInteger(n)) {
    throw new TlogError(
      'malformed_number',
      `not a whole number from 0 to ${SIZE_MAX}: ${JSON.stringify(text.slice(0, 40))}`,
    );
  }
  return n;
}

/** A tree size from decimal text. @throws TlogError malformed_number */
export function parseTreeSize(text: string): TreeSize {
  return parseDecimal(text) as TreeSize;
}

/** A leaf index from decimal text. @throws TlogError malformed_number */
export function parseLeafIndex(text: string): LeafIndex {
  return parseDecimal(text) as LeafIndex;
}
