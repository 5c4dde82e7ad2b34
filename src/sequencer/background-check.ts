import { TlogError } from '../core/error.ts';

/** Resolves with what a check finds wrong, never otherwise; `onPassed` is called when it finds nothing. */
export function failureOfCheck(
  check: (() => Promise<void>) | undefined,
  onPassed: () => void,
): Promise<TlogError> {
  return new Promise((resolve) => {
    check?.().then(onPassed, (cause: unknown) => {
      resolve(
        cause instanceof TlogError ? cause : new TlogError('internal', 'the start check failed', { cause }),
      );
    });
  });
}
