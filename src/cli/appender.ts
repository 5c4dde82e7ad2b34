import { readBatch, readReceipt } from '../client/answers.ts';
import type { LogClient } from '../client/log-client.ts';
import { Submissions } from '../client/submissions.ts';
import { formatBase64 } from '../core/encoding/base64.ts';
import { formatReceipt } from '../core/proof/receipt.ts';
import type { LeafIndex } from '../core/units.ts';
import type { ReachedLog } from './log-access.ts';

/** Appends so that trying again adds nothing twice, and gives what is printed. `json` is one line. */
export interface Appender {
  /** `body` is the receipt as it is kept: byte for byte as it came, or written anew once verified. */
  entry(entry: Uint8Array): Promise<{ index: LeafIndex; body: Uint8Array | string; json: string }>;
  /** `key` stands for the batch, also in another run. */
  batch(
    entries: readonly Uint8Array[],
    key: string,
  ): Promise<{ indexes: readonly LeafIndex[]; json: string }>;
}

/** An appender that verifies where the log is reached through a client. */
export function createAppender({ calls, client }: ReachedLog): Appender {
  return client === undefined ? rawAppender(new Submissions(calls)) : verifyingAppender(client);
}

function rawAppender(submissions: Submissions): Appender {
  return {
    entry: (entry) =>
      submissions.entry(entry, {}, ({ fields, body }) => ({
        index: readReceipt(fields).index,
        body,
        json: line(fields),
      })),
    batch: (entries, idempotencyKey) =>
      submissions.batch(entries, { idempotencyKey }, ({ fields }) => ({
        indexes: readBatch(fields).indexes,
        json: line(fields),
      })),
  };
}

function verifyingAppender(client: LogClient): Appender {
  return {
    entry: async (entry) => {
      const { receipt } = await client.append(entry);
      const json = formatReceipt(receipt);
      return { index: receipt.index, body: json, json };
    },
    batch: async (entries, idempotencyKey) => {
      const { indexes, isNew, head } = await client.appendBatch(entries, { idempotencyKey });
      const { size: treeSize, note: checkpoint } = head;
      const rootHash = formatBase64(head.rootHash);
      return { indexes, json: line({ indexes, new: isNew, treeSize, rootHash, checkpoint }) };
    },
  };
}

function line(value: unknown): string {
  return `${JSON.stringify(value)}\n`;
}
