import type { Context } from 'hono';
import { TlogError } from '../core/error.ts';
import { type LeafIndex, treeSize } from '../core/units.ts';
import type { AppendResult, Log } from '../sequencer/log.ts';
import type { WitnessedHead } from '../witnessing/published-heads.ts';
import type { Witnessing } from '../witnessing/witnessing.ts';
import { beyond } from './answer.ts';
import { queryOf } from './query.ts';

/** Who is waited for before an append is answered: with `ack=witnessed` its witnesses. @throws TlogError invalid_parameter, no_witness_policy */
export function askedAck(c: Context, witnessing: Witnessing | undefined): Witnessing | undefined {
  const ack = queryOf(c, ['ack']).get('ack') ?? 'durable';
  if (ack === 'durable') return undefined;
  if (ack !== 'witnessed') throw new TlogError('invalid_parameter', 'ack is durable or witnessed');
  return required(witnessing);
}

/**
 * The head that the quorum has cosigned, for a proof of a leaf.
 * @throws TlogError no_witness_policy, not_yet_witnessed, beyond_log_head
 */
export function witnessedHeadFor(
  log: Log,
  witnessing: Witnessing | undefined,
  index: LeafIndex,
): WitnessedHead {
  const { witnessedHead } = required(witnessing);
  if (witnessedHead !== undefined && index < witnessedHead.size) return witnessedHead;
  if (index >= log.head.size) throw beyond(log);
  throw new TlogError('not_yet_witnessed', `the quorum has cosigned no head with entry ${index} yet`, {
    details: { treeSize: log.head.size },
  });
}

/** How an append is answered; `witnessed` false: witnesses have not seen it yet. */
export interface Outcome {
  readonly status: number;
  readonly witnessed?: false;
}

/**
 * The answer to an append as far as was asked for: at once; under a head that the quorum has cosigned and that covers all of
 * it; or, when that takes too long, 202 with where the proof will be: once its last entry is covered, all are.
 */
export async function acknowledged(
  waited: Witnessing | undefined,
  result: AppendResult,
  answer: (result: AppendResult, outcome: Outcome) => Promise<Response>,
): Promise<Response> {
  const status = result.isNew.includes(true) ? 201 : 200;
  if (waited === undefined) return answer(result, { status });
  const last = Math.max(...result.indexes);
  const head = await waited.waitFor(treeSize(last + 1));
  if (head !== undefined) return answer({ ...result, head }, { status });
  const early = await answer(result, { status: 202, witnessed: false });
  // Seen from the route that it came by, whatever stands before that.
  early.headers.set('Location', `proofs/inclusion?index=${last}&head=witnessed`);
  return early;
}

function required(witnessing: Witnessing | undefined): Witnessing {
  if (witnessing !== undefined) return witnessing;
  throw new TlogError('no_witness_policy', 'this log has no witness policy');
}
