import { readBatch, readReceipt } from '../client/answers.ts';
import type { LogCalls } from '../client/log-calls.ts';
import type { LogClient } from '../client/log-client.ts';
import { Submissions } from '../client/submissions.ts';
import { TlogError } from '../core/error.ts';
import { formatReceipt } from '../core/proof/receipt.ts';
import type { Appender } from './appender.ts';
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
export function eventAppender(calls: LogCalls, client: LogClient | undefined, token: string): Appender {
  const submissions = new Submissions(calls);
  return {
    entry: (event) =>
      submissions.events({ type: 'application/json', body: event }, {}, async ({ fields, body }) => {
        const receipt = readReceipt(fields);
        await client?.verify(receipt);
        const kept = client === undefined ? body : formatReceipt(receipt);
        return { index: receipt.index, body: kept, json: `${JSON.stringify(fields)}\n` };
      }),
    batch: (lines, key) =>
      submissions.events(
        { type: 'application/x-ndjson', body: joined(lines) },
        { idempotencyKey: secretKey(token, key) },
        async ({ fields }) => {
          const { indexes } = readBatch(fields);
          await client?.multi([...new Set(indexes)].sort((a, b) => a - b));
          return { indexes, json: `${JSON.stringify(fields)}\n` };
        },
      ),
  };
}

function joined(lines: readonly Uint8Array[]): Uint8Array {
  const lineFeed = Buffer.from('\n');
  return Buffer.concat(lines.flatMap((line) => [line, lineFeed]));
}
