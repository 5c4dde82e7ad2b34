import { TlogError } from '../core/error.ts';

/** What becomes of a check in the background. */
export interface CheckOutcome {
  onPassed(): void;
  /** Whether what it found is known already, and nothing more is to be done. */
  isKnown(cause: unknown): boolean;
}

/** Resolves with what a check finds wrong, never otherwise. */
export function failureOfCheck(
  check: (() => Promise<void>) | undefined,
  { onPassed, isKnown }: CheckOutcome,
): Promise<TlogError> {
  return new Promise((resolve) => {
    check?.().then(onPassed, (cause: unknown) => {
      if (isKnown(cause)) return;
      const isSaid = cause instanceof TlogError;
      resolve(isSaid ? cause : new TlogError('internal', 'the start check failed', { cause }));
    });
  });
}
