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
  const { form, submissions } = await readEvents(Buffer.from(text), isLines, {
    freshId: () => 'fresh',
    nextTurn: async () => {
      turns += 1;
    },
  });
  return { form, count: submissions.length, turns };
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
    expect(await read(events(count).join('\n'), true)).toEqual({ form: 'lines', count, turns });
    expect(await read(`[${events(count).join(',')}]`, false)).toEqual({ form: 'list', count, turns });
  });

  test('one takes none', async () => {
    expect(await read(event(40 * KIB), false)).toEqual({ form: 'one', count: 1, turns: 0 });
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
