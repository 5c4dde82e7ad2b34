import { formatBase64 } from '../../src/core/encoding/base64.ts';
import { type VerifiedCheckpoint, verifyCheckpoint } from '../../src/core/note/checkpoint.ts';
import type { NoteVerifier } from '../../src/core/note/verifier.ts';
import { parseReceipt, verifyReceipt } from '../../src/core/proof/receipt.ts';
import { nodeHasher } from '../../src/runtime/node-hasher.ts';
import type { SeededRandom } from '../support/seeded-random.ts';
import type { Journal } from './journal.ts';

/** What a client of the log knows and holds. */
export interface LogIdentity {
  readonly origin: string;
  readonly logVerifiers: readonly NoteVerifier[];
  readonly token: string;
}

/** Entries that go in together; with a key they may be sent again until they are acked. */
interface Submission {
  readonly entries: readonly Buffer[];
  readonly key?: string;
}

/** `light`: single entries and small batches; `heavy`: batches that keep LevelDB compacting. */
export type Weight = 'light' | 'heavy';

/** Waits this long after anything that is no ack. */
const PAUSE_MS = 20;
const WORKERS = 32;

/** Whether the outcome is unknown and the process is about to end; any other 500 is a bug. */
export function isEnding(status: number, text: string): boolean {
  return status === 500 && text.includes('"code":"commit_unknown"');
}

/** Clients that write without pause, verify every answer and put it into the journal. */
export class Load {
  readonly #journal: Journal;
  readonly #identity: LogIdentity;
  readonly #random: SeededRandom;
  readonly #verified = new Map<string, Promise<VerifiedCheckpoint>>();
  /** Sent under a key, fate unknown. */
  readonly #again: Submission[] = [];
  #made = 0;
  /** Answers that were neither an ack nor a declared refusal. */
  readonly surprises: string[] = [];

  constructor(journal: Journal, identity: LogIdentity, random: SeededRandom) {
    this.#journal = journal;
    this.#identity = identity;
    this.#random = random;
  }

  /** Entries made so far; not all of them were acked. */
  get made(): number {
    return this.#made;
  }

  /** Writes to a log with 32 connections until the signal says stop; a lost connection is no end, a server may be slow. */
  async run(logUrl: string, weight: Weight, stop: AbortSignal): Promise<void> {
    await Promise.all(Array.from({ length: WORKERS }, () => this.#work(logUrl, weight, stop)));
  }

  async #work(logUrl: string, weight: Weight, stop: AbortSignal): Promise<void> {
    while (!stop.aborted) {
      const submission = this.#again.pop() ?? this.#make(weight);
      const outcome = await this.#submit(logUrl, submission);
      if (outcome !== 'acked' && submission.key !== undefined) this.#again.push(submission);
      if (outcome !== 'acked') await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
    }
  }

  #make(weight: Weight): Submission {
    const random = this.#random;
    const isBatch = random.next() < (weight === 'heavy' ? 0.8 : 0.2);
    const count = isBatch ? random.int(1, weight === 'heavy' ? 600 : 40) : 1;
    const entries = Array.from({ length: count }, () => {
      this.#made += 1;
      return Buffer.from(`${this.#made} ${'x'.repeat(random.int(0, 500))}`);
    });
    return random.next() < 0.5 ? { entries, key: `load-${this.#made}` } : { entries };
  }

  async #submit(logUrl: string, { entries, key }: Submission): Promise<'acked' | 'refused' | 'unknown'> {
    const isBatch = entries.length > 1;
    if (key !== undefined)
      for (const entry of entries) this.#journal.keyed.add(formatBase64(nodeHasher.leafHash(entry)));
    const headers = {
      authorization: `Bearer ${this.#identity.token}`,
      'content-type': isBatch ? 'application/x-ndjson' : 'application/octet-stream',
      ...(key === undefined ? {} : { 'idempotency-key': key }),
    };
    const body = isBatch ? entries.join('\n') : new Uint8Array(entries[0] ?? []);
    let response: Response;
    let text: string;
    try {
      response = await fetch(`${logUrl}/entries`, { method: 'POST', headers, body });
      text = await response.text();
    } catch {
      return 'unknown';
    }
    // 408: a machine that has other work stopped us for longer than a request may take.
    if ([408, 503, 507].includes(response.status)) return 'refused';
    if (isEnding(response.status, text)) return 'unknown';
    if (response.ok) await this.#acked(JSON.parse(text), entries);
    else this.surprises.push(`${response.status} ${text}`);
    return 'acked';
  }

  /** An answer that does not verify is worse than none. */
  async #acked(answer: Record<string, unknown>, entries: readonly Buffer[]): Promise<void> {
    const indexes = (answer['indexes'] ?? [answer['index']]) as number[];
    const { size, rootHash } = await this.#checkpoint(String(answer['checkpoint']));
    this.#journal.head(size, formatBase64(rootHash), 'a receipt');
    if (answer['indexes'] === undefined) {
      const receipt = parseReceipt(answer);
      await verifyReceipt(nodeHasher, receipt, { ...this.#identity, entry: entries[0] ?? Buffer.alloc(0) });
    }
    for (const [i, entry] of entries.entries()) {
      const index = indexes[i];
      if (index === undefined || index >= size) throw new Error(`no index below ${size} for entry ${i}`);
      this.#journal.ack(index, formatBase64(nodeHasher.leafHash(entry)));
    }
  }

  #checkpoint(note: string): Promise<VerifiedCheckpoint> {
    const known = this.#verified.get(note) ?? verifyCheckpoint(note, this.#identity);
    if (this.#verified.size > 1_000) this.#verified.clear();
    this.#verified.set(note, known);
    return known;
  }
}
