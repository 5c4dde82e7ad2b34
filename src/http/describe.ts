import type { Context } from 'hono';
import { MULTI_PROOF_LEAVES_MAX } from '../core/merkle/multi-proof.ts';
import { ENTRY_BYTES_MAX } from '../core/tile/bundle.ts';
import type { Log } from '../sequencer/log.ts';
import { BATCH_BYTES_MAX, BATCH_ENTRIES_MAX } from './batch.ts';
import { fieldsAnswer } from './fields.ts';
import { QUERY_INDEXES_MAX } from './proofs.ts';
import { PAGE_MAX } from './reads.ts';
import { type WitnessingSource, witnessingFields } from './witnessing.ts';

const LIMITS = {
  entryBytes: ENTRY_BYTES_MAX,
  batchEntries: BATCH_ENTRIES_MAX,
  batchBytes: BATCH_BYTES_MAX,
  pageEntries: PAGE_MAX,
  multiProofIndexes: MULTI_PROOF_LEAVES_MAX,
  multiProofQueryIndexes: QUERY_INDEXES_MAX,
} as const;

/** GET log: what the log is, the sizes of its heads, how its witnesses stand, and how much may be asked of it at once. */
export async function describeLog(c: Context, log: Log, witnessing: WitnessingSource): Promise<Response> {
  const { name, kind, origin, vkeys, duplicates, leafHashIndex, reads, head, publishedHead } = log;
  const facts = { name, kind, origin, vkeys, duplicates, leafHashIndex, reads };
  const sizes = { treeSize: head.size, publishedTreeSize: publishedHead.size };
  const witnessed = witnessingFields(witnessing(log.name)?.status(), head.size);
  return fieldsAnswer(c, { ...facts, ...sizes, ...witnessed, limits: LIMITS });
}
