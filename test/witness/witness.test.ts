import { readFileSync } from 'node:fs';
import { appendFile } from 'node:fs/promises';
import { describe, expect, test } from 'vitest';
import { portableHasher } from '../../src/core/merkle/hasher.ts';
import { formatAddCheckpoint } from '../../src/core/note/add-checkpoint.ts';
import { parseNote } from '../../src/core/note/signed-note.ts';
import { treeSize } from '../../src/core/units.ts';
import type { Guard } from '../../src/store/guard.ts';
import type { WitnessDeps } from '../../src/witness/running-witness.ts';
import { witnessPaths } from '../../src/witness/witness-directory.ts';
import { originHash } from '../../src/witness/witness-record.ts';
import { GrowingLog, testSigner } from '../support/growing-log.ts';
import { newWitness, type RunningDesk, readCosigned, runWitness } from '../support/witness-desk.ts';

const log = GrowingLog.of(testSigner('log.example/main'), 40);
/** Another history from leaf 5 on, under the same key. */
const forked = GrowingLog.of(log.signer, 40, { from: 5 });
const stranger = GrowingLog.of(testSigner('stranger.example'), 40);
const impostor = GrowingLog.of(testSigner('log.example/main', 2), 40);

async function desk(options: Parameters<typeof runWitness>[1] = {}): Promise<RunningDesk> {
  return runWitness(await newWitness([log.signer.vkey]), options);
}

/** The status, with the code of a problem behind. */
async function outcome(at: RunningDesk, body: string): Promise<string> {
  const { status, code } = await at.post(body);
  return code === undefined ? `${status}` : `${status} ${code}`;
}

interface Step {
  readonly name: string;
  readonly body: string;
  readonly spec_status: number;
  readonly size_after: number;
  readonly response_content_type?: string;
  readonly response_body?: string;
}
const vectors: { log_vkey: string; steps: Step[] } = JSON.parse(
  readFileSync('spec/vectors/witness.json', 'utf8'),
);

test('WITNESS-1 WITNESS-2 WITNESS-3 vectors of independent code, in their order on one witness', async () => {
  const at = await runWitness(await newWitness([vectors.log_vkey]));
  const { vkey } = at.witness;
  for (const step of vectors.steps) {
    const answer = await at.post(step.body);
    expect(answer.status, step.name).toBe(step.spec_status);
    if (step.response_body !== undefined) expect(answer.text, step.name).toBe(step.response_body);
    if (step.response_content_type !== undefined) expect(answer.type).toBe(step.response_content_type);
    const last = await at.last('log.example/vectors');
    if (answer.status === 200) {
      const text = parseNote(step.body.slice(step.body.indexOf('\n\n') + 2)).text;
      const cosigned = await readCosigned(`${text}\n${answer.text}`, vkey);
      expect(cosigned, step.name).toMatchObject({ size: step.size_after, timeSec: 1_750_000_000 });
      expect(last.text).toContain(answer.text);
    }
    const size = last.status === 404 ? 0 : (await readCosigned(last.text, vkey)).size;
    expect(size, step.name).toBe(step.size_after);
  }
});

describe('WITNESS-1 the form of a request', async () => {
  const note = await log.note(5);
  const hash = portableHasher.emptyRoot;
  const of = (proof: readonly Uint8Array[], old = 0): string =>
    formatAddCheckpoint({ oldSize: treeSize(old), proof, note });
  const line = (text: string): string => `old 0\n${text}\n\n${note}`;

  test.each<[string, string, string]>([
    ['as a log sends it', of([]), '200'],
    ['63 hashes', of(Array(63).fill(hash)), '422 unproven_checkpoint'],
    ['64 hashes', line(Array(64).fill('AAAA').join('\n')), '400 malformed_add_checkpoint'],
    ['nothing', '', '400 malformed_add_checkpoint'],
    ['no empty line', 'old 0\n', '400 malformed_add_checkpoint'],
    ['no old line', `\n${note}`, '400 malformed_add_checkpoint'],
    ['CR LF', of([]).replaceAll('\n', '\r\n'), '400 malformed_add_checkpoint'],
    ['a size in hex', of([]).replace('old 0', 'old 0x0'), '400 malformed_add_checkpoint'],
    ['a size of two lines', of([]).replace('old 0', 'old 0 '), '400 malformed_add_checkpoint'],
    ['a size over 2^53', of([]).replace('old 0', 'old 9007199254740992'), '400 malformed_add_checkpoint'],
    ['base64 for URLs', line('_'.repeat(43)), '400 malformed_add_checkpoint'],
    ['33 bytes', line(Buffer.alloc(33).toString('base64')), '400 malformed_add_checkpoint'],
    [
      'a space behind a hash',
      line(`${Buffer.alloc(32).toString('base64')} `),
      '400 malformed_add_checkpoint',
    ],
    ['no signature', `old 0\n\n${parseNote(note).text}`, '400 malformed_note'],
    [
      'a note of no checkpoint',
      `old 0\n\nhello\n\n${note.slice(note.indexOf('—'))}`,
      '400 malformed_checkpoint',
    ],
  ])('%s', async (_, body, expected) => {
    expect(await outcome(await desk(), body)).toBe(expected);
  });

  test('64 KiB and no more, and not but UTF-8', async () => {
    const at = await desk();
    expect(await outcome(at, 'x'.repeat(65_537))).toBe('413 body_too_large');
    expect(await outcome(at, 'x'.repeat(65_536))).toBe('400 malformed_add_checkpoint');
    const bytes = Buffer.concat([Buffer.from(of([])), Buffer.from([0xff])]);
    const answer = await at.app.request('http://a/add-checkpoint', { method: 'POST', body: bytes });
    expect(answer.status).toBe(400);
  });
});

describe('WITNESS-2 the first of several reasons decides', async () => {
  const bad = (note: string): string => note.replace(/([^\n]{8})\n$/, 'AAAAAAA=\n');
  const wrongSignature = `old 9\n\n${bad(await log.note(5))}`;
  const rows: [string, string, string][] = [
    ['malformed and unknown', `old x\n\n${await stranger.note(5)}`, '400 malformed_add_checkpoint'],
    ['unknown and old above', (await stranger.request(0, 5)).replace('old 0', 'old 9'), '404 unknown_origin'],
    ['badly signed and old above', wrongSignature, '403 untrusted_checkpoint'],
    ['signed by another key, and old', await impostor.request(1, 5), '403 untrusted_checkpoint'],
    ['old above and stale', (await log.request(3, 5)).replace('old 3', 'old 6'), '400 old_size_above'],
    ['stale and unproven', (await log.request(3, 13)).replace('old 3', 'old 4'), '409'],
    ['stale while the clock is behind', await log.request(3, 13), '409'],
    ['unproven while the clock is behind', await forked.request(8, 13), '422 unproven_checkpoint'],
    ['the clock is behind', await log.request(8, 13), '503 clock_behind'],
  ];
  test.each(rows)('%s', async (_, body, expected) => {
    const at = await desk();
    expect(await outcome(at, await log.request(0, 8))).toBe('200');
    const before = (await at.last(log.origin)).text;
    at.clock.ms -= 120_000;
    expect(await outcome(at, body)).toBe(expected);
    expect((await at.last(log.origin)).text).toBe(before);
  });

  test('a line of a second key that does not hold refuses what the first has signed', async () => {
    const second = testSigner(log.origin, 3);
    const at = await runWitness(await newWitness([log.signer.vkey, second.vkey]));
    const wrong = (await new GrowingLog(second, log.leaves).note(6)).split('\n').at(-2);
    expect(await outcome(at, `${await log.request(0, 5)}${wrong}\n`)).toBe('403 untrusted_checkpoint');
    const right = (await new GrowingLog(second, log.leaves).note(5)).split('\n').at(-2);
    expect(await outcome(at, `${await log.request(0, 5)}${right}\n`)).toBe('200');
    expect((await at.last(log.origin)).text).toContain(right);
  });
});

describe('WITNESS-3 growth', () => {
  test.each([
    [0, 0],
    [0, 1],
    [1, 2],
    [4, 7],
    [5, 40],
    [40, 40],
  ])('from %d to %d', async (from, to) => {
    const at = await desk();
    if (from > 0) expect(await outcome(at, await log.request(0, from))).toBe('200');
    expect(await outcome(at, await log.request(from, to))).toBe('200');
  });

  test('lines of other keys are neither kept nor given out', async () => {
    const at = await desk();
    const extra = (await stranger.note(5)).split('\n').at(-2);
    expect(await outcome(at, `${await log.request(0, 5)}${extra}\n`)).toBe('200');
    const { text } = await at.last(log.origin);
    expect(text).not.toContain('stranger');
    expect(parseNote(text).signatures).toHaveLength(2);
  });
});

describe('WITNESS-4 one turn an origin', () => {
  test('of requests at once from one size, one root wins', async () => {
    const at = await desk();
    await at.post(await log.request(0, 8));
    const histories = Array.from({ length: 24 }, (_, i) =>
      GrowingLog.of(log.signer, 9, { from: 8, history: i + 1 }),
    );
    const bodies = await Promise.all(histories.map((one) => one.request(8, 9)));
    const answers = await Promise.all(bodies.map((body) => at.post(body)));
    expect(answers.filter(({ status }) => status === 200)).toHaveLength(1);
    const stale = answers.filter(({ status }) => status === 409);
    expect(stale).toHaveLength(23);
    expect(new Set(stale.map(({ text }) => text))).toEqual(new Set(['9\n']));
  });

  test('1,024 wait, and the next is told so', async () => {
    const at = await desk();
    const body = await log.request(0, 8);
    const answers = await Promise.all(Array.from({ length: 1_030 }, () => at.post(body)));
    const count = (status: number) => answers.filter((answer) => answer.status === status).length;
    expect([count(200), count(409) + count(503)]).toEqual([1, 1_029]);
    expect(answers.find(({ status }) => status === 503)?.code).toBe('queue_full');
    expect(answers.find(({ status }) => status === 503)?.headers.get('retry-after')).toBe('1');
  });
});

describe('WITNESS-6 time', () => {
  test.each([
    ['goes on', 1_500, '200', 1_750_000_001, 0],
    ['stands still', 0, '200', 1_750_000_000, 0],
    ['is a second behind', -1_000, '200', 1_750_000_000, 1_000],
    ['is 60 s behind', -60_000, '200', 1_750_000_000, 60_000],
    ['is a millisecond more behind', -60_001, '503 clock_behind', 1_750_000_000, 0],
    ['is years behind', -1e12, '503 clock_behind', 1_750_000_000, 0],
  ])('a clock that %s', async (_, ms, expected, timeSec, sleptMs) => {
    const at = await desk();
    await at.post(await log.request(0, 8));
    at.clock.ms += ms;
    expect(await outcome(at, await log.request(8, 9))).toBe(expected);
    expect(at.clock.slept.reduce((sum, one) => sum + one, 0)).toBe(sleptMs);
    const last = await readCosigned((await at.last(log.origin)).text, at.witness.vkey);
    expect(last).toMatchObject({ timeSec, size: expected === '200' ? 9 : 8 });
  });

  test('a clock that goes back further during the wait ends it', async () => {
    const at = await desk();
    await at.post(await log.request(0, 8));
    at.clock.ms -= 30_000;
    at.clock.onSleep = () => {
      at.clock.ms -= 31_000;
    };
    expect(await outcome(at, await log.request(8, 9))).toBe('503 clock_behind');
    expect(at.clock.slept).toEqual([30_000]);
  });

  test("the last time is known after a restart, and is one log's own", async () => {
    const dir = await newWitness([log.signer.vkey, stranger.signer.vkey]);
    const first = await runWitness(dir);
    await first.post(await log.request(0, 8));
    await first.close();
    const again = await runWitness(dir, { clock: first.clock });
    again.clock.ms -= 120_000;
    expect(await outcome(again, await log.request(8, 9))).toBe('503 clock_behind');
    expect(await outcome(again, await stranger.request(0, 9))).toBe('200');
  });
});

describe('WITNESS-9 the last cosigned checkpoint', () => {
  test('is 404 before, verbatim with both signatures after, and the same after a restart', async () => {
    const dir = await newWitness([log.signer.vkey]);
    const at = await runWitness(dir);
    expect(await at.last(log.origin)).toMatchObject({ status: 404, code: 'unknown_origin' });
    const { text: line } = await at.post(await log.request(0, 8));
    const shown = await at.last(log.origin);
    expect(shown).toMatchObject({ status: 200, type: 'text/plain; charset=utf-8' });
    expect(shown.text).toBe(`${await log.note(8)}${line}`);
    await at.close();
    const again = await runWitness(dir);
    expect((await again.last(log.origin)).text).toBe(shown.text);
    expect(await again.get(`/${originHash(log.origin).toUpperCase()}/checkpoint`)).toMatchObject({
      status: 404,
    });
  });
});

describe('WITNESS-10 the rate of one log', () => {
  test('of what does not grow: ten seconds at once, then what time gives; other logs and the unsigned do not count', async () => {
    const at = await runWitness(await newWitness([log.signer.vkey, stranger.signer.vkey]), { logRate: 2 });
    const [body, unsigned] = [await log.request(0, 8), await impostor.request(0, 8)];
    for (let i = 0; i < 50; i += 1) expect(await outcome(at, unsigned)).toBe('403 untrusted_checkpoint');
    for (let i = 0; i <= 20; i += 1) expect(await outcome(at, body)).toBe(i === 0 ? '200' : '409');
    const late = await at.post(body);
    expect([late.status, late.code, late.headers.get('retry-after')]).toEqual([429, 'rate_limited', '1']);
    expect(await outcome(at, await stranger.request(0, 8))).toBe('200');
    at.clock.pass(499);
    expect(await outcome(at, body)).toBe('429 rate_limited');
    at.clock.pass(1);
    expect(await outcome(at, body)).toBe('409');
    expect(await outcome(at, body)).toBe('429 rate_limited');
    at.clock.pass(3_600_000);
    for (let i = 0; i < 20; i += 1) expect(await outcome(at, body)).toBe('409');
    expect(await outcome(at, body)).toBe('429 rate_limited');
  });

  test('of what grows: repeats and proofs that lead nowhere take nothing of it', async () => {
    const at = await runWitness(await newWitness([log.signer.vkey]), { logRate: 2 });
    expect(await outcome(at, await log.request(0, 8))).toBe('200');
    const [smaller, unproven] = [
      await log.request(0, 7),
      (await log.request(7, 9)).replace('old 7', 'old 8'),
    ];
    for (let i = 0; i < 30; i += 1)
      expect(await outcome(at, smaller)).toBe(i < 20 ? '409' : '429 rate_limited');
    for (let i = 0; i < 30; i += 1) expect(await outcome(at, unproven)).toBe('422 unproven_checkpoint');
    for (let size = 8; size < 27; size += 1)
      expect(await outcome(at, await log.request(size, size + 1))).toBe('200');
    expect(await outcome(at, await log.request(27, 28))).toBe('429 rate_limited');
    at.clock.pass(500);
    expect(await outcome(at, await log.request(27, 28))).toBe('200');
  });

  test('whoever sends the head of an idle log again takes no refresh from it, and makes no work beyond one a second', async () => {
    let raises = 0;
    const counting = (guard: Guard): Guard => ({
      ...{ mark: guard.mark, close: () => guard.close() },
      raise: (mark) => {
        raises += 1;
        return guard.raise(mark);
      },
    });
    const planted = (deps: WitnessDeps): WitnessDeps => ({
      ...deps,
      takeGuard: async (origin) => counting(await deps.takeGuard(origin)),
    });
    const at = await runWitness(await newWitness([log.signer.vkey]), { logRate: 2, planted });
    expect(await outcome(at, await log.request(0, 8))).toBe('200');
    const [refresh, smaller] = [await log.request(8, 8), await log.request(0, 7)];
    for (let sec = 0; sec < 5; sec += 1) {
      at.clock.pass(1_000);
      for (let i = 0; i < 40; i += 1) await at.post(smaller);
      const answers = await Promise.all(Array.from({ length: 40 }, () => at.post(refresh)));
      expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([200]));
      expect(new Set(answers.map(({ text }) => text)).size).toBe(1);
    }
    expect(raises).toBe(6);
    const { timeSec } = await readCosigned((await at.last(log.origin)).text, at.witness.vkey);
    expect(timeSec).toBe(Math.floor(at.clock.nowMs() / 1_000));
  });

  test('0 is no limit', async () => {
    const at = await desk({ logRate: 0 });
    const body = await log.request(0, 8);
    for (let i = 0; i < 300; i += 1) expect((await at.post(body)).status).not.toBe(429);
  });
});

describe('WITNESS-13 what else there is over HTTP', () => {
  test.each([
    ['GET', '/healthz', '200'],
    ['GET', '/readyz', '200'],
    ['GET', '/add-checkpoint', '405 method_not_allowed'],
    ['POST', `/${'0'.repeat(64)}/checkpoint`, '405 method_not_allowed'],
    ['GET', `/${'0'.repeat(64)}/checkpoint`, '404 unknown_origin'],
    ['GET', `/${'0'.repeat(63)}/checkpoint`, '404 not_found'],
    ['GET', '/nowhere', '404 not_found'],
    ['POST', '/add%2Dcheckpoint', '400 invalid_request'],
  ])('%s %s is %s', async (method, path, expected) => {
    const { app } = await desk();
    const answer = await app.request(`http://a${path}`, { method });
    const type = answer.headers.get('content-type');
    const code = type === 'application/problem+json' ? ` ${(await answer.json()).code}` : '';
    expect(`${answer.status}${code}`).toBe(expected);
  });

  test('metrics', async () => {
    const at = await desk();
    await at.post(await log.request(0, 8));
    await at.post(await log.request(0, 8));
    await at.post('x');
    const { text } = await at.get('/metrics');
    expect(text).toContain('stele_witness_requests_total{outcome="cosigned"} 1');
    expect(text).toContain('stele_witness_requests_total{outcome="stale"} 1');
    expect(text).toContain('stele_witness_requests_total{outcome="malformed_add_checkpoint"} 1');
    expect(text).toContain('stele_witness_tree_size{origin="log.example/main"} 8');
    expect(text).toContain('stele_witness_cosigned_timestamp_seconds{origin="log.example/main"} 1750000000');
    expect(text).toContain('stele_witness_refused_logs 0');
  });
});

test('WITNESS-8 a comment in the list changes nothing', async () => {
  const dir = await newWitness([log.signer.vkey]);
  const at = await runWitness(dir);
  await appendFile(witnessPaths(dir).logs, '# ours\n\n');
  expect(await outcome(at, await log.request(0, 8))).toBe('200');
  expect(at.badLists).toEqual([]);
});
