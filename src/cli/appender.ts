import { type Ack, type WitnessState, witnessState } from '../client/ack.ts';
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
  entry(entry: Uint8Array): Promise<{
    readonly index: LeafIndex;
    readonly body: Uint8Array | string;
    readonly json: string;
    readonly witnesses: WitnessState;
  }>;
  /** `key` stands for the batch, also in another run. */
  batch(
    entries: readonly Uint8Array[],
    key: string,
  ): Promise<{
    readonly indexes: readonly LeafIndex[];
    readonly json: string;
    readonly witnesses: WitnessState;
  }>;
}

/** An appender that verifies where the log is reached through a client. */
export function createAppender({ calls, client }: ReachedLog, ack: Ack | undefined): Appender {
  return client === undefined ? rawAppender(new Submissions(calls), ack) : verifyingAppender(client, ack);
}

function rawAppender(submissions: Submissions, ack: Ack | undefined): Appender {
  return {
    entry: (entry) =>
      submissions.entry(entry, { ack }, async (answer) => {
        const { fields, body } = answer;
        const { index, checkpoint } = readReceipt(fields);
        const witnesses = await witnessState(undefined, { ack, answer, checkpoint });
        return { index, body, json: line(fields), witnesses };
      }),
    batch: (entries, idempotencyKey) =>
      submissions.batch(entries, { idempotencyKey, ack }, async (answer) => {
        const { indexes, checkpoint } = readBatch(answer.fields);
        const witnesses = await witnessState(undefined, { ack, answer, checkpoint });
        return { indexes, json: line(answer.fields), witnesses };
      }),
  };
}

function verifyingAppender(client: LogClient, ack: Ack | undefined): Appender {
  return {
    entry: async (entry) => {
      const { receipt, witnesses } = await client.append(entry, { ack });
      const body = formatReceipt(receipt);
      return {
        index: receipt.index,
        body,
        json: line({ ...JSON.parse(body), ...pending(witnesses) }),
        witnesses,
      };
    },
    batch: async (entries, idempotencyKey) => {
      const { indexes, isNew, head, witnesses } = await client.appendBatch(entries, { idempotencyKey, ack });
      const { size: treeSize, note: checkpoint } = head;
      const rootHash = formatBase64(head.rootHash);
      const answer = { indexes, new: isNew, treeSize, rootHash, checkpoint, ...pending(witnesses) };
      return { indexes, json: line(answer), witnesses };
    },
  };
}

/** What the log's own answer has, too. */
function pending(witnesses: WitnessState): { readonly witnessed?: false } {
  return witnesses === 'awaited' ? { witnessed: false } : {};
}

function line(value: unknown): string {
  return `${JSON.stringify(value)}\n`;
}
