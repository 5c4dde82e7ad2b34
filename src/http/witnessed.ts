import type { Context } from 'hono';
import { TlogError } from '../core/error.ts';
import { type LeafIndex, treeSize } from '../core/units.ts';
import type { Log } from '../sequencer/log.ts';
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

/** Where the proof for witnesses of an append will be, seen from the route that it came by: once its last entry is covered, all are. */
export function laterProof(indexes: readonly LeafIndex[]): string {
  return `proofs/inclusion?index=${Math.max(...indexes)}&head=witnessed`;
}

/** Waits until witnesses have seen all of these; undefined when they have not in time. */
export function witnessedCovering(
  witnessing: Witnessing,
  indexes: readonly LeafIndex[],
): Promise<WitnessedHead | undefined> {
  return witnessing.waitFor(treeSize(Math.max(...indexes) + 1));
}

function required(witnessing: Witnessing | undefined): Witnessing {
  if (witnessing !== undefined) return witnessing;
  throw new TlogError('no_witness_policy', 'this log has no witness policy');
}
