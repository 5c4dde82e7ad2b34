import { createHash } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import {
  BATCH_EVENTS,
  BATCH_INPUT_BYTES,
  type EventBatch,
  eventBatches,
} from '../../src/cli/event-batches.ts';
import { Importer } from '../../src/cli/importer.ts';
import { logAccess } from '../../src/client/access.ts';
import type { Fetch } from '../../src/client/bounded-fetch.ts';
import { LogCalls } from '../../src/client/log-calls.ts';
import { createMapping } from '../../src/import/import-format.ts';
import { zoneOf } from '../../src/import/time.ts';

const line = (at: number, message = 'm'): string => `2026-01-02T03:04:05Z h app: ${at} ${message}\n`;
const lines = (count: number, from = 0): string =>
  Array.from({ length: count }, (_, i) => line(from + i)).join('');

async function* pieces(text: string, size: number): AsyncGenerator<Uint8Array> {
  const bytes = Buffer.from(text);
  for (let start = 0; start < bytes.length; start += size) yield bytes.subarray(start, start + size);
}

interface Cut {
  readonly size?: number;
  readonly mappedBy?: string;
  readonly secret?: string;
}

async function batchesOf(text: string, { size = 65_536, mappedBy = 'a', secret = 's' }: Cut = {}) {
  const batches: EventBatch[] = [];
  const refused: number[] = [];
  const options = { map: createMapping('syslog', { zone: zoneOf('UTC') }), quoted: false, mappedBy, secret };
  const refuse = async ({ line: at }: { line: number }): Promise<void> => void refused.push(at);
  for await (const batch of eventBatches(pieces(text, size), { ...options, refuse })) batches.push(batch);
  return { batches, refused };
}

const sizes = (batches: readonly EventBatch[]): number[] => batches.map(({ events }) => events.length);

describe('IMPORT-11 batches', () => {
  test('end at points that depend on the bytes alone, with keys that stand for all bytes before', async () => {
    const { batches } = await batchesOf(lines(2_500));
    expect(sizes(batches)).toEqual([BATCH_EVENTS, BATCH_EVENTS, 500]);
    for (const size of [7, 1_000_000])
      expect((await batchesOf(lines(2_500), { size })).batches).toEqual(batches);
    const grown = (await batchesOf(lines(3_000))).batches;
    expect(grown.slice(0, 2)).toEqual(batches.slice(0, 2));
    expect(grown[2]?.key).not.toBe(batches[2]?.key);
  });

  test('end before the record that brings them over 2 MiB of input', async () => {
    const long = line(0, 'x'.repeat(BATCH_INPUT_BYTES / 2 - line(0).length + 1));
    expect(long.length).toBe(BATCH_INPUT_BYTES / 2);
    expect(sizes((await batchesOf(long + long + line(1))).batches)).toEqual([2, 1]);
    expect(sizes((await batchesOf(`${long}${long.replace('x', 'xx')}${line(1)}`)).batches)).toEqual([1, 2]);
  });

  test('end before the event that brings them over 7 MiB of JSON', async () => {
    const escaped = line(0, '\u0001'.repeat(7_000));
    const { batches } = await batchesOf(escaped.repeat(290));
    expect(batches.length).toBeGreaterThan(1);
    for (const { events } of batches)
      expect(events.reduce((sum, { json }) => sum + json.length, 0)).toBeLessThanOrEqual(7 * 1_024 * 1_024);
  });

  test('what is refused is in no batch, and changes the keys behind it', async () => {
    const { batches, refused } = await batchesOf(`${line(1)}nonsense\n${line(2)}`);
    expect([sizes(batches), refused]).toEqual([[2], [2]]);
    expect(batches[0]?.key).not.toBe((await batchesOf(`${line(1)}${line(2)}`)).batches[0]?.key);
    expect(await batchesOf('nonsense\n'.repeat(3))).toEqual({ batches: [], refused: [1, 2, 3] });
  });

  test('keys tell nothing to whom the token is unknown, and differ where the mapping does', async () => {
    const keys = await Promise.all(
      [{}, { secret: 't' }, { mappedBy: 'b' }].map(
        async (cut) => (await batchesOf(line(1), cut)).batches[0]?.key,
      ),
    );
    expect(new Set(keys).size).toBe(3);
    expect(keys).not.toContain(createHash('sha256').update(line(1)).digest('hex'));
  });
});

/** A log that keeps what it takes by key, and refuses events that say `bad`. */
class StandInLog {
  readonly bodies: string[][] = [];
  readonly #known = new Map<string, number[]>();
  #size = 0;

  readonly fetch: Fetch = async (_, init) => {
    const events = new TextDecoder()
      .decode(init.body as Uint8Array)
      .trimEnd()
      .split('\n');
    this.bodies.push(events);
    if (events.some((event) => event.includes('bad')))
      return Response.json({ code: 'invalid_event', detail: 'bad' }, { status: 400 });
    const key = String(new Headers(init.headers).get('idempotency-key'));
    const known = this.#known.get(key);
    const indexes = known ?? events.map(() => this.#size++);
    this.#known.set(key, indexes);
    return Response.json({ indexes, new: indexes.map(() => known === undefined), checkpoint: 'note' });
  };

  async import(text: string): Promise<{ counts: object; refused: number[] }> {
    const refused: number[] = [];
    const calls = new LogCalls(logAccess({ logUrl: 'http://log.example/logs/audit', fetch: this.fetch }));
    const importer = new Importer(calls, async (record) => void refused.push(record.line));
    const { batches } = await batchesOf(text);
    await importer.run(
      (async function* () {
        yield* batches;
      })(),
      () => undefined,
    );
    return { counts: importer.counts, refused };
  }
}

describe('IMPORT-12 what a log refuses', () => {
  test('is found by halving, and all else is appended, once', async () => {
    const log = new StandInLog();
    const text = `${lines(300)}${line(300, 'bad')}${lines(400, 301)}${line(701, 'bad')}${lines(600, 702)}`;
    const done = { refused: [301, 702], counts: { new: 1_300, known: 0, refused: 2 } };
    expect(await log.import(text)).toEqual(done);
    expect(log.bodies.length).toBeLessThan(50);
    expect(await log.import(text)).toEqual({ ...done, counts: { new: 0, known: 1_300, refused: 2 } });
  });

  test('a log of another kind, or without an answer, ends the import', async () => {
    for (const [status, code] of [
      [409, 'wrong_log_kind'],
      [403, 'forbidden'],
      [404, 'not_found'],
    ] as const) {
      const log = new StandInLog();
      const refusing: Fetch = async () => Response.json({ code }, { status });
      Object.assign(log, { fetch: refusing });
      await expect(log.import(lines(2))).rejects.toMatchObject({ code });
    }
  });
});
