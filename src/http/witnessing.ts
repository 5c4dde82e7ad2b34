import type { FeedStatus } from '../witnessing/witness-feed.ts';
import type { Witnessing, WitnessingStatus } from '../witnessing/witnessing.ts';

/** Who has the heads of a log cosigned; undefined where the log has no policy. */
export type WitnessingSource = (log: string) => Witnessing | undefined;

type Fields = { readonly [name: string]: string | number | undefined | Fields | readonly Fields[] };

/** How a log stands with its witnesses, as members of GET log; none without a policy. Nothing names an address. */
export function witnessingFields(status: WitnessingStatus | undefined, treeSize: number): Fields {
  if (status === undefined) return {};
  const { mode, witnessed, witnesses } = status;
  const head =
    witnessed === undefined
      ? {}
      : { witnessedTreeSize: witnessed.size, freshnessSec: witnessed.freshnessSec };
  return { witnessing: { mode, ...head, witnesses: witnesses.map((one) => witnessFields(one, treeSize)) } };
}

function witnessFields({ name, cosigned, lastError }: FeedStatus, treeSize: number): Fields {
  const last = cosigned === undefined ? {} : { treeSize: cosigned.size, cosignedAtSec: cosigned.timeSec };
  const error =
    lastError === undefined
      ? {}
      : { lastError: { code: lastError.code, at: new Date(lastError.atMs).toISOString() } };
  return { name, lagEntries: treeSize - (cosigned?.size ?? 0), ...last, ...error };
}
