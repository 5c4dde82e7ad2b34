import { dirname, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { describe, expect, onTestFinished, test } from 'vitest';
import { TlogError } from '../../src/core/error.ts';
import { IdHasher } from '../../src/events/event-keys.ts';
import { type EventReading, type ReadingThread, readBeside, readHere } from '../../src/http/event-reading.ts';
import { Thread } from '../../src/runtime/thread.ts';
import { compiledCli } from '../support/cli-process.ts';

const COMPILED = join(dirname(compiledCli().main), '..');
const LONG = 32 * 1024;
const LOG = { ids: new IdHasher(new Uint8Array(32).fill(9)), freshId: () => 'here' };
const RAW = { format: 'f', media_type: 'm' };

const small = {
  time: '2026-11-18T11:06:40Z',
  action: 'a.b',
  outcome: 'success',
  actor: { type: 't', id: 'i' },
};
const whole = (i: number) => ({
  ...{ ...small, id: `e${i}`, schema: 'audit-event/1', kind: 'data', operation: 'read' },
  ...{ service: { name: `s${i}`, version: '1' }, tenant: `ä${i}`, data: { text: 'x'.repeat(300) } },
});
const linesOf = (events: readonly unknown[]): Buffer =>
  Buffer.from(events.map((event) => JSON.stringify(event)).join('\n'));

/** The thread of the compiled sources. */
function realThread(): ReadingThread {
  const thread: ReadingThread = new Thread(pathToFileURL(join(COMPILED, 'http/reading-thread.js')));
  onTestFinished(() => thread.close());
  return thread;
}

/** What a body comes to, with its bytes as such and of services the name. */
async function read(reading: EventReading, body: Buffer, isLines = true) {
  const { events, ...rest } = await reading(Uint8Array.from(body), isLines, LOG);
  const plain = (bytes: Uint8Array | undefined) => bytes && Buffer.from(bytes);
  return {
    ...rest,
    events: events.map(({ event, text, sent, idKey, content, ...more }) => ({
      event: { ...event, service: event.service && { name: event.service.name } },
      ...{ text: plain(text), sent: plain(sent), idKey: plain(idKey), content: plain(content), ...more },
    })),
  };
}

describe('SEQ-12 a long body is read in a thread of its own', () => {
  test.each([true, false])('as it is in this one, in lines: %s', async (isLines) => {
    const events: object[] = Array.from({ length: 300 }, (_, i) => whole(i));
    events[1] = { ...whole(1), raw: { ...RAW, content: '' } };
    events[2] = { ...whole(2), raw: { ...RAW, content: Buffer.alloc(70_000, 1).toString('base64') } };
    const { service: _, kind: __, ...less } = whole(299);
    events[299] = less;
    const body = isLines ? linesOf(events) : Buffer.from(JSON.stringify(events));
    const beside = await read(readBeside(realThread()), body, isLines);
    expect(beside).toEqual(await read(readHere, body, isLines));
    expect([beside.events.length, beside.described]).toEqual([300, [1, 2]]);
    expect(beside.events[1]?.content).toHaveLength(0);
  });

  test('with ids for events that have none, each another', async () => {
    const body = linesOf(new Array(400).fill(small));
    const { events } = await read(readBeside(realThread()), body);
    const ids = events.map(({ event, idKey, text, sent, hasId }) => {
      expect([hasId, idKey]).toEqual([false, Buffer.from(LOG.ids.keyOf(event.id, undefined))]);
      const whole = { ...small, schema: 'audit-event/1' };
      expect(JSON.parse(String(text))).toEqual({ ...whole, id: event.id });
      expect(JSON.parse(String(sent))).toEqual(whole);
      return event.id;
    });
    expect(new Set(ids).size).toBe(400);
    expect(ids[0]).toMatch(/^[0-9A-HJKMNP-TV-Z]{26}$/);
  });

  test('and refused there', async () => {
    const beside = readBeside(realThread());
    const events = Array.from({ length: 300 }, (_, i) => whole(i));
    for (const body of [linesOf([...events, { ...small, outcome: 'maybe' }]), Buffer.alloc(LONG, 0xff)]) {
      const [there, here] = await Promise.all(
        [beside, readHere].map((reading) => read(reading, body).catch((error: TlogError) => error)),
      );
      const { code, message, details } = here as TlogError;
      expect(there).toBeInstanceOf(TlogError);
      expect(there).toMatchObject({ code, message, details });
    }
  });

  test('several at once', async () => {
    const beside = readBeside(realThread());
    const bodies = Array.from({ length: 5 }, (_, n) =>
      linesOf(Array.from({ length: 100 * (5 - n) }, (__, i) => whole(n * 1_000 + i))),
    );
    const all = await Promise.all(bodies.map((body) => read(beside, body)));
    expect(all.map(({ events }) => [events.length, events[0]?.event.id])).toEqual(
      bodies.map((_, n) => [100 * (5 - n), `e${n * 1_000}`]),
    );
  });
});

describe('SEQ-12 what is sent to the thread that reads', () => {
  const asking = () => {
    const asked: Parameters<ReadingThread['ask']>[0][] = [];
    const ask: ReadingThread['ask'] = async (sent) => {
      asked.push(sent);
      throw new Error('asked');
    };
    return { asked, reading: readBeside({ ask }) };
  };

  test('is no short body', async () => {
    const { asked, reading } = asking();
    const padded = (length: number) => Buffer.from(JSON.stringify(small).padEnd(length));
    expect(await read(reading, padded(LONG - 1), false)).toMatchObject({ form: 'one' });
    await expect(read(reading, padded(LONG), false)).rejects.toThrow('asked');
    expect(asked).toHaveLength(1);
  });

  test('is moved where it is alone in its memory, and copied where it is not', async () => {
    const { asked, reading } = asking();
    const body = new Uint8Array(2 * LONG);
    for (const part of [body, body.subarray(0, LONG), body.subarray(1), body.subarray(0, -1)])
      await reading(part, true, LOG).catch(() => undefined);
    expect(asked.map(({ moved }) => moved.length)).toEqual([1, 0, 0, 0]);
  });
});
