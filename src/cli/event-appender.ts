import { type Ack, witnessState } from '../client/ack.ts';
import { readBatch, readReceipt } from '../client/answers.ts';
import type { LogCalls } from '../client/log-calls.ts';
import { Submissions } from '../client/submissions.ts';
import { TlogError } from '../core/error.ts';
import { formatReceipt } from '../core/proof/receipt.ts';
import type { Appender } from './appender.ts';
import type { ReachedLog } from './log-access.ts';
import { secretKey } from './secret-key.ts';

const FACTS_BYTES_MAX = 64 * 1024;

/** Whether a log takes events. A token that may append and not read cannot ask: it is taken for a log of entries. */
export async function takesEvents(calls: LogCalls): Promise<boolean> {
  try {
    const { fields } = await calls.askFields({ path: 'log', bytesMax: FACTS_BYTES_MAX });
    return (fields as { readonly kind?: unknown } | null)?.kind === 'events';
  } catch (error) {
    if (error instanceof TlogError && (error.kind === 'forbidden' || error.kind === 'unauthorized'))
      return false;
    throw error;
  }
}

/**
 * Sends each file as a JSON event, or lines as NDJSON. With a client, that the leaves are in the tree is verified. Keys of batches are
 * made with the access token: a digest of events is not to lie in the log.
 */
export function eventAppender(
  { calls, client, trust }: ReachedLog,
  token: string,
  ack: Ack | undefined,
): Appender {
  const submissions = new Submissions(calls);
  return {
    entry: (event) =>
      submissions.events({ type: 'application/json', body: event }, { ack }, async (answer) => {
        const { fields, body } = answer;
        const receipt = readReceipt(fields);
        await client?.verify(receipt);
        const { index, checkpoint } = receipt;
        const witnesses = await witnessState(trust, { ack, answer, checkpoint });
        const kept = client === undefined ? body : formatReceipt(receipt);
        return { index, body: kept, json: `${JSON.stringify(fields)}\n`, witnesses };
      }),
    batch: (lines, key) => {
      const events = { type: 'application/x-ndjson', body: joined(lines) } as const;
      const idempotencyKey = secretKey(token, key);
      return submissions.events(events, { idempotencyKey, ack }, async (answer) => {
        const { indexes, checkpoint } = readBatch(answer.fields);
        // Of the answer, as the published head may not cover the lines yet.
        const head = await client?.verifyHead(checkpoint);
        await client?.multi(
          [...new Set(indexes)].sort((a, b) => a - b),
          { head },
        );
        const witnesses = await witnessState(trust, { ack, answer, checkpoint });
        return { indexes, json: `${JSON.stringify(answer.fields)}\n`, witnesses };
      });
    },
  };
}

function joined(lines: readonly Uint8Array[]): Uint8Array {
  const lineFeed = Buffer.from('\n');
  return Buffer.concat(lines.flatMap((line) => [line, lineFeed]));
}
