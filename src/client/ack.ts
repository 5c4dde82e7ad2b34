import { TlogError } from '../core/error.ts';
import type { FieldsAnswer } from './log-calls.ts';
import type { LogTrust } from './trust.ts';

/** When an append is answered: once it is durable and signed for, or once the log's witnesses have cosigned it, too. */
export type Ack = 'durable' | 'witnessed';

/**
 * What is known of witnesses after an append. `verified`: the quorum of the client's policy has cosigned its head. `awaited`: the log
 * has waited for its witnesses in vain. `not checked`: nobody asked for them, or the client has no policy with a quorum.
 */
export type WitnessState = 'verified' | 'awaited' | 'not checked';

/** The answer to an append, and the note in it. */
export interface Acknowledgement {
  readonly ack: Ack | undefined;
  readonly answer: FieldsAnswer;
  readonly checkpoint: string;
}

/**
 * What an answer says of witnesses, verified where there is a policy to verify it by. That the log has signed the note is for others
 * to check. @throws TlogError malformed_answer, and as LogTrust.published where witnesses are said to have cosigned what they have not
 */
export async function witnessState(
  trust: LogTrust | undefined,
  { ack, answer, checkpoint }: Acknowledgement,
): Promise<WitnessState> {
  if (ack !== 'witnessed') return 'not checked';
  if (isEarly(answer)) return 'awaited';
  if (trust?.asksWitnesses !== true) return 'not checked';
  await trust.published(checkpoint).catch((error: unknown) => {
    throw withOutcome(error);
  });
  return 'verified';
}

/** Whether the log gave up waiting, which it says twice: by the status, and in what is kept. */
function isEarly({ status, fields }: FieldsAnswer): boolean {
  const { witnessed } = fields as { readonly witnessed?: unknown };
  if (status === 202 && witnessed === false) return true;
  if (status !== 202 && witnessed === undefined) return false;
  throw new TlogError(
    'malformed_answer',
    `status ${status} and "witnessed" of an answer contradict each other`,
  );
}

/** Whoever reads the error must not append again. */
function withOutcome(error: unknown): unknown {
  if (!(error instanceof TlogError)) return error;
  const message = `the log has signed for what was appended, but not shown that witnesses have: ${error.message}`;
  return new TlogError(error.code, message, { cause: error, details: error.details });
}
