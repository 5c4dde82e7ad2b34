import { describe, expect, test } from 'vitest';
import { readEvents } from '../../src/http/event-bodies.ts';

const EVENT = {
  time: '2026-11-18T11:06:40Z',
  action: 'a.b',
  outcome: 'success',
  actor: { type: 't', id: 'i' },
};
const event = (characters: number): string => {
  const short = JSON.stringify({ ...EVENT, data: { a: '' } });
  return JSON.stringify({ ...EVENT, data: { a: 'x'.repeat(characters - short.length) } });
};
const KIB = 1024;

async function read(text: string, isLines: boolean) {
  let turns = 0;
  const { form, events, described } = await readEvents(Buffer.from(text), isLines, {
    ids: { keyOf: (id, tenant) => Buffer.from(`${tenant}/${id}`) },
    freshId: () => 'fresh',
    nextTurn: async () => {
      turns += 1;
    },
  });
  return { form, count: events.length, turns, events, described };
}

describe('SEQ-12 events are read in turns of 256 KiB', () => {
  const events = (count: number): string[] => new Array(count).fill(event(32 * KIB));
  test.each([
    [1, 0],
    [7, 0],
    [8, 1],
    [15, 1],
    [24, 3],
  ])('%i of 32 KiB each', async (count, turns) => {
    expect(await read(events(count).join('\n'), true)).toMatchObject({ form: 'lines', count, turns });
    expect(await read(`[${events(count).join(',')}]`, false)).toMatchObject({ form: 'list', count, turns });
  });

  test.each([
    ['2 MiB take none', 2 * KIB * KIB, 0],
    ['a byte more takes one', 2 * KIB * KIB + 1, 1],
  ])('of one with verbatim bytes, %s', async (_, length, turns) => {
    const short = JSON.stringify({ ...EVENT, raw: { format: 'f', media_type: 'm', content: '' } });
    const content = 'A'.repeat(Math.floor((length - short.length) / 4) * 4);
    const text = short.replace('""', `"${content}"`);
    expect(await read(text.padEnd(length), false)).toMatchObject({ form: 'one', count: 1, turns });
  });

  test('one takes none', async () => {
    expect(await read(event(40 * KIB), false)).toMatchObject({ form: 'one', count: 1, turns: 0 });
  });
});

describe('EVENT-12 what a body comes to', () => {
  const RAW = { format: 'f', media_type: 'm', sha256: `${'A'.repeat(43)}=`, size: 1 };
  const SHOWN = { kind: 'data', operation: 'read', outcome: 'success', service: { name: 's' } };

  test('is the texts of its events, and of their members those that the server looks at', async () => {
    const sent = { ...EVENT, ...SHOWN, tenant: 't', raw: RAW };
    const lines = [sent, { ...EVENT, id: 'own' }, sent].map((value) => JSON.stringify(value));
    const { events, described } = await read(lines.join('\n'), true);
    expect(described).toEqual([0, 2]);
    expect(events[0]).toEqual({
      event: { id: 'fresh', ...SHOWN },
      ...{ text: expect.anything(), sent: expect.anything() },
      ...{ idKey: Buffer.from('t/fresh'), hasId: false, content: undefined },
    });
    const schema = 'audit-event/1';
    expect(events.map(({ text }) => JSON.parse(Buffer.from(text).toString()))).toEqual([
      { ...sent, id: 'fresh', schema },
      { ...EVENT, id: 'own', schema },
      { ...sent, id: 'fresh', schema },
    ]);
    expect(JSON.parse(Buffer.from(events[0]?.sent ?? []).toString())).toEqual({ ...sent, schema });
    expect(events.map(({ idKey }) => Buffer.from(idKey).toString())).toEqual([
      't/fresh',
      'undefined/own',
      't/fresh',
    ]);
  });
});

describe('EVENT-12 a list', () => {
  const refusal = (text: string) => read(text, false).catch((error: unknown) => error);

  test.each([
    ['[ ]', 'empty_batch'],
    [`[${new Array(4_097).fill(event(200)).join(',')}]`, 'batch_too_large'],
    [`[${event(200)}`, 'invalid_event'],
    [`[${event(200)}] 1`, 'invalid_event'],
    [`[${event(200)},]`, 'invalid_event'],
  ])('%.12s… is refused: %s', async (text, code) => {
    expect(await refusal(text)).toMatchObject({ code });
  });

  test('names the place of what is wrong', async () => {
    expect(await refusal(`[${event(200)},{"a":[1.5]}]`)).toMatchObject({
      details: { errors: [{ pointer: '/1/a/0' }] },
    });
  });

  test('has events of at most 524,288 characters each, records apart, however it is spaced', async () => {
    const content = 'eg=='.padStart(400_000, 'eggg');
    const whole = JSON.stringify({ ...EVENT, raw: { format: 'f', media_type: 'm', content } });
    const padded = (text: string, length: number): string =>
      text.replace('{', '{'.padEnd(length - text.length + 1));
    for (const [text, most] of [
      [event(200), 524_288],
      [whole, 524_288 + content.length],
    ] as const) {
      const all = (length: number): string => `[${event(200)},${padded(text, length)},${event(200)}]`;
      expect(await read(all(most), false)).toMatchObject({ form: 'list', count: 3 });
      expect(await refusal(all(most + 1))).toMatchObject({
        ...{ code: 'event_too_large', details: { errors: [{ pointer: '/1' }] } },
      });
    }
  });

  test('takes as many as a batch may have, and space around them', async () => {
    const text = ` [ ${new Array(4_096).fill(event(200)).join(' , ')} ] `;
    expect(await read(text, false)).toMatchObject({ form: 'list', count: 4_096 });
  });

  test('and lines are as many, with an LF behind the last or without; CR is space', async () => {
    const most = new Array(4_096).fill(`${event(200)}\r`).join('\n');
    for (const end of ['', '\n'])
      expect(await read(`${most}${end}`, true)).toMatchObject({ form: 'lines', count: 4_096 });
    for (const [text, code] of [
      [`${most}\n${event(200)}`, 'batch_too_large'],
      ['', 'empty_batch'],
      [`${event(200)}\n\n`, 'empty_line'],
    ] as const)
      await expect(read(text, true)).rejects.toMatchObject({ code });
  });
});
