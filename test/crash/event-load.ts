import { formatBase64 } from '../../src/core/encoding/base64.ts';
import { verifyCheckpoint } from '../../src/core/note/checkpoint.ts';
import { parseReceipt } from '../../src/core/proof/receipt.ts';
import type { SeededRandom } from '../support/seeded-random.ts';
import type { Journal } from './journal.ts';
import { isEnding, type LogIdentity } from './load.ts';

/** An event that a client was told of. */
export interface AckedEvent {
  readonly id: string;
  readonly index: number;
  /** JSON as it was sent. */
  readonly text: string;
}

const WORKERS = 4;
const BUSY_MS = 20;
const COUNT_MAX = 12;
const FILE_BYTES = 70_000;

/** Clients that send events without pause, each under an id of its own, until the server is gone. */
export class EventLoad {
  readonly surprises: string[] = [];
  /** In the order of the answers. */
  readonly acked: AckedEvent[] = [];
  readonly #journal: Journal;
  readonly #identity: LogIdentity;
  readonly #random: SeededRandom;
  /** Sent, fate unknown: an event with an id may be sent again. */
  readonly #again: (readonly string[])[] = [];
  #made = 0;

  constructor(journal: Journal, identity: LogIdentity, random: SeededRandom) {
    this.#journal = journal;
    this.#identity = identity;
    this.#random = random;
  }

  async run(logUrl: string, stop: AbortSignal): Promise<void> {
    await Promise.all(Array.from({ length: WORKERS }, () => this.#work(logUrl, stop)));
  }

  async #work(logUrl: string, stop: AbortSignal): Promise<void> {
    while (!stop.aborted) {
      const texts = this.#again.pop() ?? this.#make();
      const outcome = await this.#submit(logUrl, texts);
      if (outcome !== 'acked') this.#again.push(texts);
      if (outcome === 'gone') return;
      if (outcome === 'busy') await new Promise((resolve) => setTimeout(resolve, BUSY_MS));
    }
  }

  #make(): string[] {
    const random = this.#random;
    const count = random.next() < 0.3 ? random.int(2, COUNT_MAX) : 1;
    return Array.from({ length: count }, () => {
      this.#made += 1;
      const dice = random.next();
      const raw = dice < 0.15 ? rawOf(dice < 0.08 ? FILE_BYTES : 100, this.#made) : {};
      const actor = { type: 'user', id: `u${random.int(0, 9)}` };
      const source = { ip: '192.0.2.7', user_agent: 'x'.repeat(random.int(1, 300)) };
      const event = { time: '2026-11-27T00:00:00Z', action: 'item.read', outcome: 'success', actor, source };
      return JSON.stringify({ schema: 'audit-event/1', id: `e${this.#made}`, ...event, ...raw });
    });
  }

  async #submit(logUrl: string, texts: readonly string[]): Promise<'acked' | 'busy' | 'gone'> {
    const isBatch = texts.length > 1;
    const headers = {
      authorization: `Bearer ${this.#identity.token}`,
      'content-type': isBatch ? 'application/x-ndjson' : 'application/json',
    };
    let response: Response;
    let text: string;
    try {
      response = await fetch(`${logUrl}/events`, { method: 'POST', headers, body: texts.join('\n') });
      text = await response.text();
    } catch {
      return 'gone';
    }
    if (response.status === 503 || response.status === 507) return 'busy';
    if (isEnding(response.status, text)) return 'gone';
    if (response.ok) await this.#acked(JSON.parse(text), texts);
    else this.surprises.push(`${response.status} ${text}`);
    return 'acked';
  }

  async #acked(answer: Record<string, unknown>, texts: readonly string[]): Promise<void> {
    const indexes = (answer['indexes'] ?? [answer['index']]) as number[];
    const { size, rootHash } = await verifyCheckpoint(String(answer['checkpoint']), this.#identity);
    this.#journal.head(size, formatBase64(rootHash), 'a receipt');
    if (answer['indexes'] === undefined) {
      const { index, leafHash } = parseReceipt(answer);
      this.#journal.ack(index, formatBase64(leafHash));
    }
    for (const [i, text] of texts.entries()) {
      const index = indexes[i];
      if (index === undefined || index >= size) throw new Error(`no index below ${size} for event ${i}`);
      this.acked.push({ id: JSON.parse(text).id, index, text });
    }
  }
}

function rawOf(bytes: number, fill: number): object {
  const content = Buffer.alloc(bytes, `record ${fill} `).toString('base64');
  return { raw: { format: 'test', media_type: 'text/plain', content } };
}
