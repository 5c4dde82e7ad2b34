import { TlogError } from '../core/error.ts';

/** Longest text of one field, so that a line stays a line whatever was thrown. */
const TEXT_MAX = 4_000;
const CAUSES_MAX = 4;

/** What the operator is told of something thrown: code and facts where it has them, its stack, and its causes. */
export interface Failure {
  readonly code: string;
  readonly message: string;
  readonly details?: TlogError['details'];
  readonly stack?: string;
  readonly cause?: Failure;
}

/** Takes what a log line says out of anything that was thrown. */
export function describeFailure(thrown: unknown, causesMax: number = CAUSES_MAX): Failure {
  if (!(thrown instanceof Error)) return { code: 'internal', message: cut(String(thrown)) };
  const known = thrown instanceof TlogError;
  const { stack, cause } = thrown;
  return {
    code: known ? thrown.code : String((thrown as NodeJS.ErrnoException).code ?? thrown.name),
    message: cut(thrown.message),
    ...(known && Object.keys(thrown.details).length > 0 ? { details: thrown.details } : {}),
    ...(stack === undefined ? {} : { stack: cut(stack) }),
    ...(cause === undefined || causesMax === 0 ? {} : { cause: describeFailure(cause, causesMax - 1) }),
  };
}

function cut(text: string): string {
  return text.length > TEXT_MAX ? `${text.slice(0, TEXT_MAX)}…` : text;
}
