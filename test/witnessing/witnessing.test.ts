import { cp } from 'node:fs/promises';
import { describe, expect, test } from 'vitest';
import { parseNote } from '../../src/core/note/signed-note.ts';
import { passUntil, settle, until } from '../support/step-clock.ts';
import { readCosigned } from '../support/witness-desk.ts';
import { type WitnessingDesk, witnessingDesk } from '../support/witnessing-desk.ts';

/** Sizes that a witness was asked to cosign, in order. */
function sizesAsked({ asked }: WitnessingDesk, witness = 'a'): number[] {
  const posts = asked.filter((one) => one.witness === witness && one.method === 'POST');
  return posts.map(({ body }) => Number(body.slice(body.indexOf('\n\n') + 2).split('\n')[1]));
}

const publishedSize = ({ log }: WitnessingDesk): number => log.publishedHead.size;

describe('WITNESSED-1 mode require publishes what the quorum has cosigned', () => {
  test('from the start on, with the cosignatures of all witnesses', async () => {
    const desk = await witnessingDesk({ count: 2 });
    await desk.append('one', 'two');
    await desk.start();
    expect(publishedSize(desk)).toBe(2);
    const { note } = desk.log.publishedHead;
    for (const name of ['a', 'b'])
      expect((await readCosigned(note, desk.witnesses[name]?.witness.vkey ?? '')).size).toBe(2);
    expect(parseNote(note).signatures).toHaveLength(3);
  });

  test('what is appended is asked for at the next turn of the interval, and published', async () => {
    const desk = await witnessingDesk({ count: 2 });
    await desk.start();
    await desk.append('one');
    await settle();
    expect([desk.log.head.size, publishedSize(desk), sizesAsked(desk)]).toEqual([1, 0, [0]]);
    desk.clock.pass(1_000);
    await until(() => publishedSize(desk) === 1);
    expect(sizesAsked(desk)).toEqual([0, 1]);
  });

  test('nothing newer while a witness of the quorum is away, and what came meanwhile once it is back', async () => {
    const desk = await witnessingDesk({ count: 2 });
    await desk.start();
    desk.lies.set('b', async () => Promise.reject(new TypeError('fetch failed')));
    for (let i = 0; i < 20; i += 1) {
      await desk.append(`entry ${i}`);
      desk.clock.pass(1_000);
      await settle(10);
    }
    expect(publishedSize(desk)).toBe(0);
    expect(desk.trouble).toEqual([['unreachable', 'b']]);
    desk.lies.clear();
    await passUntil(desk.clock, () => publishedSize(desk) === 20);
  });

  test('one of two is enough where the policy says so', async () => {
    const desk = await witnessingDesk({ count: 2, quorum: 'any' });
    desk.lies.set('a', async () => new Response('', { status: 500 }));
    await desk.append('one');
    await desk.start();
    expect(publishedSize(desk)).toBe(1);
  });

  test('witnesses of other intervals meet over one head', async () => {
    const desk = await witnessingDesk({ count: 3, quorum: '2' });
    desk.lies.set('c', async () => new Response('', { status: 500 }));
    const intervals: Record<string, number> = { a: 10_000, b: 7_000, c: 1_000 };
    await desk.start({ intervalMs: (name) => intervals[name] ?? 0 });
    const published = new Set<number>();
    for (let i = 0; i < 60; i += 1) {
      await desk.append(`entry ${i}`);
      desk.clock.pass(1_000);
      await settle(10);
      published.add(publishedSize(desk));
    }
    expect(published.size).toBeGreaterThan(3);
  });
});

describe('WITNESSED-2 mode prefer publishes the log head once the published one is too far behind', () => {
  test('at its time, not before, and a later cosignature of it is taken', async () => {
    const desk = await witnessingDesk();
    desk.lies.set('a', async () => Promise.reject(new TypeError('fetch failed')));
    const begun: string[] = [];
    const { write } = desk.file;
    Object.assign(desk.file, {
      write: (notes: Parameters<typeof write>[0]) => {
        begun.push(notes.published);
        return write(notes);
      },
    });
    const witnessing = await desk.start({ mode: 'prefer' });
    await desk.append('one');
    await settle();
    desk.clock.pass(9_999);
    await settle();
    expect([begun.length, publishedSize(desk)]).toEqual([1, 0]);
    desk.clock.pass(1);
    await until(() => publishedSize(desk) === 1);
    expect([desk.log.publishedHead.note, witnessing.witnessedHead]).toEqual([desk.log.head.note, undefined]);
    desk.lies.clear();
    desk.clock.pass(120_000);
    await until(() => witnessing.witnessedHead?.size === 1);
    expect(desk.log.publishedHead).toBe(witnessing.witnessedHead);
  });

  test('a smaller head that is cosigned late does not take the place of a larger one', async () => {
    const desk = await witnessingDesk();
    let answer: (() => void) | undefined;
    const witnessing = await desk.start({ mode: 'prefer' });
    desk.lies.set('a', async (honest) => {
      await new Promise<void>((resolve) => {
        answer = resolve;
      });
      return honest();
    });
    await desk.append('one');
    await settle();
    desk.clock.pass(1_000);
    await until(() => answer !== undefined);
    await desk.append('two');
    await settle();
    desk.clock.pass(10_000);
    await until(() => publishedSize(desk) === 2);
    answer?.();
    await until(() => witnessing.witnessedHead?.size === 1);
    expect(publishedSize(desk)).toBe(2);
  });
});

describe('WITNESSED-3 heads only grow, also over restarts', () => {
  async function restarted(desk: WitnessingDesk): Promise<WitnessingDesk> {
    await desk.log.close();
    return witnessingDesk({ dir: desk.dir, witnesses: desk.witnesses });
  }
  const gone = async (): Promise<Response> => Promise.reject(new TypeError('fetch failed'));

  test('the published note is the same byte for byte, and the log head waits', async () => {
    const desk = await witnessingDesk();
    await desk.append('one');
    const before = await desk.start();
    const { note } = desk.log.publishedHead;
    await before.close();
    await desk.append('two');
    const again = await restarted(desk);
    again.lies.set('a', gone);
    const witnessing = await again.start();
    expect([again.log.publishedHead.note, witnessing.witnessedHead?.note]).toEqual([note, note]);
    expect(again.log.head.size).toBe(2);
  });

  test('the first policy begins with the head that was published without one', async () => {
    const desk = await witnessingDesk();
    await desk.append('one');
    desk.lies.set('a', gone);
    await desk.start();
    await desk.append('two');
    expect(publishedSize(desk)).toBe(1);
  });

  test('a head is not to be seen before it is durable, and not after a write that failed', async () => {
    const desk = await witnessingDesk();
    let fails = true;
    const { write } = desk.file;
    Object.assign(desk.file, {
      write: async (notes: Parameters<typeof write>[0]) => {
        if (fails && notes.witnessed !== undefined)
          throw Object.assign(new Error('full'), { code: 'ENOSPC' });
        await write(notes);
        if (notes.witnessed !== undefined) expect(desk.log.publishedHead.note).not.toBe(notes.published);
      },
    });
    await desk.append('one');
    const witnessing = await desk.start();
    expect([witnessing.witnessedHead, desk.trouble]).toEqual([undefined, [['not_writable', undefined]]]);
    fails = false;
    await desk.append('two');
    await passUntil(desk.clock, () => publishedSize(desk) === 2);
  });

  test.each<[string, (notes: { published: string; witnessed?: string }) => object]>([
    ['no JSON of ours', () => ({ schema: 2 })],
    [
      'a note that the log has not signed',
      ({ published }) => ({ published: published.replace('\n1\n', '\n0\n') }),
    ],
    [
      'a cosignature that does not hold',
      ({ published, witnessed = '' }) => ({ published, witnessed: spoilt(witnessed) }),
    ],
  ])('a kept head that is damaged refuses the start: %s', async (_, damage) => {
    const desk = await witnessingDesk();
    await desk.append('one');
    await (await desk.start()).close();
    const notes = await desk.file.read();
    await desk.file.write(damage(notes as { published: string }) as { published: string });
    const again = await restarted(desk);
    await expect(again.start()).rejects.toMatchObject({ code: 'data_damaged' });
  });

  test.each([
    ['above the log', []],
    ['of another tree than the log', ['other']],
  ])('a kept head %s refuses the start', async (_, entries) => {
    const desk = await witnessingDesk();
    await desk.log.close();
    const copy = { dataPath: `${desk.dir.dataPath}-2`, guardPath: `${desk.dir.guardPath}-2` };
    await cp(desk.dir.dataPath, copy.dataPath, { recursive: true, preserveTimestamps: true });
    await cp(desk.dir.guardPath, copy.guardPath, { recursive: true, preserveTimestamps: true });
    const later = await witnessingDesk({ dir: copy, witnesses: desk.witnesses });
    await later.append('one');
    await (await later.start()).close();
    const again = await witnessingDesk({ dir: desk.dir, witnesses: desk.witnesses });
    await again.append(...entries);
    await again.file.write({ published: later.log.publishedHead.note });
    await expect(again.start()).rejects.toMatchObject({ code: 'data_damaged' });
  });
});

/** The last signature with another byte in it. */
function spoilt(note: string): string {
  const at = note.length - 20;
  return `${note.slice(0, at)}${note[at] === 'A' ? 'B' : 'A'}${note.slice(at + 1)}`;
}

describe('WITNESSED-4 how witnesses are asked', () => {
  test('one request at a time, for the newest head only', async () => {
    const desk = await witnessingDesk();
    const answers: (() => void)[] = [];
    await desk.start();
    desk.lies.set('a', async (honest) => {
      await new Promise<void>((resolve) => answers.push(resolve));
      return honest();
    });
    for (let i = 1; i <= 5; i += 1) {
      await desk.append(`entry ${i}`);
      desk.clock.pass(1_000);
      await settle(10);
    }
    expect(sizesAsked(desk)).toEqual([0, 1]);
    answers[0]?.();
    await passUntil(desk.clock, () => answers.length === 2);
    answers[1]?.();
    await until(() => publishedSize(desk) === 5);
    expect(sizesAsked(desk)).toEqual([0, 1, 5]);
  });

  test('409 is answered with the proof from the size it names', async () => {
    const desk = await witnessingDesk();
    await desk.append('one', 'two', 'three');
    await (await desk.start()).close();
    await desk.append('four', 'five');
    // Another process of the log, which does not know what the witness holds.
    await desk.log.close();
    await desk.file.remove();
    const again = await witnessingDesk({ dir: desk.dir, witnesses: desk.witnesses });
    await again.start();
    const olds = again.asked.flatMap(({ body }) => /^old (\d+)\n/.exec(body)?.[1] ?? []);
    expect([olds, publishedSize(again)]).toEqual([['0', '3'], 5]);
  });

  test('a witness that goes on saying 409 gets three requests, then rests', async () => {
    const desk = await witnessingDesk();
    await desk.append('one', 'two');
    let size = 0;
    desk.lies.set('a', async (honest, { method }) => {
      if (method === 'GET') return honest();
      size = size === 1 ? 2 : 1;
      return new Response(`${size}\n`, { status: 409 });
    });
    const witnessing = await desk.start();
    expect(sizesAsked(desk)).toEqual([2, 2, 2]);
    expect(witnessing.status().witnesses[0]?.lastError?.code).toBe('malformed_answer');
    desk.clock.pass(999);
    await settle();
    expect(sizesAsked(desk)).toHaveLength(3);
  });

  test('an idle log asks again after a minute for what it has: old is the size', async () => {
    const desk = await witnessingDesk();
    await desk.append('one');
    const witnessing = await desk.start();
    const first = witnessing.witnessedHead?.freshnessSec ?? 0;
    desk.witnesses['a']?.clock.pass(60_000);
    desk.clock.pass(1_000);
    await settle();
    desk.clock.pass(58_999);
    await settle();
    expect(sizesAsked(desk)).toEqual([1]);
    desk.clock.pass(1);
    await until(() => witnessing.witnessedHead?.freshnessSec === first + 60);
    expect(desk.asked.at(-1)?.body).toMatch(/^old 1\n\n/);
    expect(publishedSize(desk)).toBe(1);
    expect(desk.log.publishedHead).toBe(witnessing.witnessedHead);
  });

  test('a witness that fails is asked less and less often, at random times', async () => {
    const desk = await witnessingDesk();
    desk.lies.set('a', async () => new Response('', { status: 503 }));
    await desk.start({}, 0.5);
    await passUntil(desk.clock, () => desk.asked.length === 9);
    const seconds = desk.asked.map(({ atMs }) => atMs / 1_000);
    expect(seconds.slice(1).map((at, i) => at - (seconds[i] ?? 0))).toEqual([2, 3, 5, 9, 17, 31, 31, 31]);
    expect(desk.trouble).toEqual([['unreachable', 'a']]);
  });

  test.each<[string, number]>([
    ['7', 7],
    ['600', 600],
    ['601', 600],
    ['9999999999', 1],
    ['Fri, 31 Dec 1999 23:59:59 GMT', 1],
  ])('Retry-After %s leaves a witness alone for %i s', async (value, seconds) => {
    const desk = await witnessingDesk();
    let lies = true;
    desk.lies.set('a', async (honest, { method }) => {
      if (method === 'GET' || !lies) return honest();
      return new Response('', { status: 429, headers: { 'Retry-After': value } });
    });
    await desk.start();
    await settle();
    lies = false;
    const asked = () => desk.asked.filter(({ method }) => method === 'POST');
    desk.clock.pass(seconds * 1_000 - 1);
    await settle();
    expect(asked()).toHaveLength(1);
    desk.clock.pass(1);
    await until(() => asked().length === 2);
    await desk.append('one');
    await passUntil(desk.clock, () => publishedSize(desk) === 1);
  });
});
