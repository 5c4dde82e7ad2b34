import { cp, readdir, readFile } from 'node:fs/promises';
import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { afterEach, describe, expect, test } from 'vitest';
import type { Alert } from '../../src/alert/alert.ts';
import { alertOfWitnessing } from '../../src/cli/alerting.ts';
import type { ErrorCode } from '../../src/core/error.ts';
import { parseEvidence } from '../../src/core/evidence/evidence.ts';
import { judgeEvidence } from '../../src/core/evidence/judge.ts';
import { COSIGNATURE_V1, parseVerifierKey } from '../../src/core/note/key.ts';
import { parseNote } from '../../src/core/note/signed-note.ts';
import { treeSize } from '../../src/core/units.ts';
import { createCosigner } from '../../src/keys/cosigner.ts';
import { generateSigningKey } from '../../src/keys/generate.ts';
import { ed25519Verify } from '../../src/runtime/ed25519.ts';
import { nodeHasher } from '../../src/runtime/node-hasher.ts';
import { logPaths } from '../../src/sequencer/data-directory.ts';
import { RequestBudget } from '../../src/witnessing/request-budget.ts';
import { WitnessCalls } from '../../src/witnessing/witness-calls.ts';
import { passUntil } from '../support/step-clock.ts';
import { expectTold } from '../support/telling.ts';
import { type Asked, type WitnessingDesk, witnessingDesk } from '../support/witnessing-desk.ts';

/** What a witness that lies answers with, given what it was asked and what an honest one says. */
type Lie = (asked: Asked, honest: Response) => Promise<Response> | Response;

const noteIn = ({ body }: Asked): string => body.slice(body.indexOf('\n\n') + 2);
const text = (body: string, status = 200): Response => new Response(body, { status });

describe('WITNESSED-5 a witness that lies gets nothing published', () => {
  const stranger = createCosigner(
    generateSigningKey((length) => new Uint8Array(length).fill(9), 'a.example/w', COSIGNATURE_V1).skey,
  );
  test.each<[string, ErrorCode, Lie]>([
    ['nothing', 'malformed_note', () => text('')],
    ['no signature line', 'malformed_note', () => text('hello\n')],
    ['a line without its LF', 'malformed_note', async (_, honest) => text((await honest.text()).trimEnd())],
    [
      'the signature of somebody else',
      'unverified_note',
      async (asked) => text(await stranger.cosign(parseNote(noteIn(asked)).text, 5)),
    ],
    [
      'a signature with one wrong byte',
      'bad_signature',
      async (_, honest) => text(spoilt(await honest.text())),
    ],
    [
      'a signature of another root',
      'bad_signature',
      async (_, honest) => {
        const line = await honest.text();
        return text(line.replace(/(?<=base64)./, 'A').replace(/.{8}\n$/, 'AAAAAAAA\n'));
      },
    ],
    [
      'a whole note of its own before it',
      'bad_signature',
      async (_, honest) => text(`other.example/log\n5\nAAAA\n\n${spoilt(await honest.text())}`),
    ],
    [
      '10,000 signatures',
      'malformed_note',
      async (_, honest) => text((await honest.text()).repeat(10_000).slice(0, 500_000)),
    ],
    ['a megabyte', 'malformed_answer', () => text('— a AAAA\n'.repeat(120_000))],
    ['not UTF-8', 'malformed_answer', () => new Response(new Uint8Array([0xff, 0x0a]))],
    ['409 without a size', 'malformed_answer', () => text('', 409)],
    ['409 with a size in words', 'malformed_answer', () => text('two\n', 409)],
    ['409 with a size over 2^53 - 1', 'malformed_answer', () => text('9007199254740992\n', 409)],
    ['500 that says fork', 'unreachable', () => Response.json({ code: 'fork' }, { status: 500 })],
    [
      '403 that says witness_ahead',
      'invalid_request',
      () => Response.json({ code: 'witness_ahead' }, { status: 403 }),
    ],
    ['404', 'unknown_origin', () => Response.json({ code: 'unknown_origin' }, { status: 404 })],
    ['429', 'rate_limited', () => Response.json({ code: 'rate_limited' }, { status: 429 })],
  ])('%s: %s', async (_, code, lie) => {
    const desk = await witnessingDesk();
    await desk.append('one');
    desk.lies.set('a', async (honest, asked) => {
      const answer = await honest();
      return asked.method === 'GET' ? answer : lie(asked, answer);
    });
    const before = desk.log.head;
    const witnessing = await desk.start();
    expect(witnessing.status().witnesses[0]?.lastError?.code).toBe(code);
    await desk.append('two');
    expect([witnessing.witnessedHead, desk.log.publishedHead]).toEqual([undefined, before]);
    desk.lies.clear();
    await passUntil(desk.clock, () => desk.log.publishedHead.size === 2);
  });

  test('a time before the last one is not taken', async () => {
    const desk = await witnessingDesk();
    const answers: string[] = [];
    desk.lies.set('a', async (honest, { method }) => {
      const answer = await honest();
      if (method === 'GET') return answer;
      answers.push(await answer.text());
      return text(answers.length === 3 ? (answers[0] ?? '') : (answers.at(-1) ?? ''));
    });
    const witnessing = await desk.start();
    const first = witnessing.witnessedHead?.freshnessSec ?? 0;
    desk.witnesses['a']?.clock.pass(90_000);
    await passUntil(desk.clock, () => witnessing.witnessedHead?.freshnessSec === first + 90);
    await passUntil(desk.clock, () => witnessing.status().witnesses[0]?.lastError !== undefined);
    expect(witnessing.status().witnesses[0]?.lastError?.code).toBe('malformed_answer');
    expect(witnessing.witnessedHead?.freshnessSec).toBe(first + 90);
  });
});

/** The first line with another byte near its end. */
function spoilt(lines: string): string {
  const at = lines.indexOf('\n') - 20;
  return `${lines.slice(0, at)}${lines[at] === 'A' ? 'B' : 'A'}${lines.slice(at + 1)}`;
}

describe('WITNESSED-5 answers are bounded in bytes and time, and redirects are not followed', () => {
  const open: (() => void)[] = [];
  afterEach(() => {
    for (const close of open.splice(0)) close();
  });
  async function callsOf(listener: RequestListener, timeoutMs = 5_000): Promise<WitnessCalls> {
    const server = createServer(listener);
    await new Promise<void>((resolve) => {
      server.listen(0, '127.0.0.1', resolve);
    });
    open.push(() => {
      server.closeAllConnections();
      server.close();
    });
    const { port } = server.address() as AddressInfo;
    const fetch = (url: string, init: RequestInit) => globalThis.fetch(url, init);
    return new WitnessCalls({ fetch, timeoutMs, budget: new RequestBudget(1) }, `http://127.0.0.1:${port}`);
  }
  const ask = (calls: WitnessCalls): Promise<unknown> =>
    calls.addCheckpoint(
      { oldSize: treeSize(0), proof: [], note: 'a\n\n— a AAAA\n' },
      new AbortController().signal,
    );

  test.each<[string, ErrorCode, RequestListener]>([
    [
      'a byte now and then',
      'unreachable',
      (_, answer) => {
        answer.writeHead(200);
        const drip = setInterval(() => answer.write('a'), 10);
        answer.on('close', () => clearInterval(drip));
      },
    ],
    ['no answer at all', 'unreachable', () => undefined],
    [
      'without end',
      'malformed_answer',
      (_, answer) => {
        answer.writeHead(200);
        const more = (): boolean => answer.destroyed || (answer.write('a'.repeat(65_536)) && more());
        answer.on('drain', more);
        more();
      },
    ],
    [
      'a redirect',
      'unreachable',
      (_, answer) => {
        answer.writeHead(307, { Location: 'http://127.0.0.1:1/add-checkpoint' });
        answer.end();
      },
    ],
  ])('%s: %s', async (_, code, listener) => {
    await expect(ask(await callsOf(listener, 300))).rejects.toMatchObject({ code });
  });
});

describe('WITNESSED-6 what a witness shows of a history that the log does not have', () => {
  /** Another log of the same key and origin: the same first entries, then others. */
  async function forked(
    shared: number,
    own: number,
    other: number,
  ): Promise<{ desk: WitnessingDesk; held: string }> {
    const desk = await witnessingDesk();
    await desk.append(...Array.from({ length: shared }, (_, i) => `shared ${i}`));
    await desk.log.close();
    const copy = { dataPath: `${desk.dir.dataPath}-2`, guardPath: `${desk.dir.guardPath}-2` };
    await cp(desk.dir.dataPath, copy.dataPath, { recursive: true, preserveTimestamps: true });
    await cp(desk.dir.guardPath, copy.guardPath, { recursive: true, preserveTimestamps: true });
    const rival = await witnessingDesk({ dir: copy, witnesses: desk.witnesses });
    if (other > 0) await rival.append(...Array.from({ length: other }, (_, i) => `other ${i}`));
    await (await rival.start()).close();
    const again = await witnessingDesk({ dir: desk.dir, witnesses: desk.witnesses });
    if (own > 0) await again.append(...Array.from({ length: own }, (_, i) => `own ${i}`));
    return { desk: again, held: rival.log.head.note };
  }
  const alertsOf = async (desk: WitnessingDesk, file: string): Promise<string> =>
    readFile(join(logPaths(desk.dir, 'main').root, 'alerts', file), 'utf8');

  test.each([
    ['one size, two roots', 2, 3, 3, 'two-roots'],
    ['ours is larger', 2, 5, 3, 'not-a-prefix'],
    ['ours is larger, theirs a power of two', 2, 5, 2, 'not-a-prefix'],
    ['nothing shared', 0, 3, 2, 'not-a-prefix'],
  ])('a fork refuses the start, with evidence that convicts: %s', async (_, shared, own, other, kind) => {
    const { desk } = await forked(shared, own, other);
    await expect(desk.start()).rejects.toMatchObject({
      code: 'fork',
      details: { file: expect.stringContaining('fork-') },
    });
    const { evidence = '' } = desk.alerts[0] ?? {};
    const keys = [parseVerifierKey(desk.log.vkeys[0] ?? '')];
    const judged = await judgeEvidence(nodeHasher, parseEvidence(evidence), { keys, ed25519: ed25519Verify });
    expect(judged).toMatchObject({ accused: 'log', kind });
    const record = JSON.parse(await alertsOf(desk, await nameOf(desk)));
    expect(await alertsOf(desk, record.evidence)).toBe(evidence);
    await expectTold(toldBy(desk), ['sizes', 'expectedHash', 'actualHash', 'evidenceFile']);
  });

  async function nameOf(desk: WitnessingDesk): Promise<string> {
    const names = await readdir(join(logPaths(desk.dir, 'main').root, 'alerts'));
    return names.find((name) => name.startsWith('fork-') && !name.startsWith('fork-evidence')) ?? '';
  }

  test('a larger head with the own signature refuses the start: the data are older', async () => {
    const { desk, held } = await forked(2, 0, 3);
    const details = { dataSize: 2, witnessSize: 5 };
    await expect(desk.start()).rejects.toMatchObject({ code: 'witness_ahead', details });
    expect(desk.alerts[0]?.notes.map((note) => parseNote(note).text)).toEqual([
      parseNote(held).text,
      parseNote(desk.log.head.note).text,
    ]);
    await expectTold(toldBy(desk), ['sizes', 'expectedHash', 'actualHash', 'evidenceFile']);
  });

  test('one of the own past is none', async () => {
    const { desk } = await forked(2, 3, 0);
    await desk.start();
    expect([desk.alerts, desk.log.publishedHead.size]).toEqual([[], 5]);
  });

  test('a running log ends, takes nothing more, and says so first in a file', async () => {
    const { desk, held } = await forked(2, 0, 3);
    let shows = false;
    desk.lies.set('a', async (honest, { method }) => {
      if (shows) return method === 'GET' ? text(held) : honest();
      return text('', method === 'GET' ? 404 : 500);
    });
    await desk.start();
    shows = true;
    await desk.append('more');
    const ended = desk.log.failed;
    await passUntil(desk.clock, () => desk.alerts.length > 0);
    expect((await ended).code).toBe('witness_ahead');
    await expect(desk.append('late')).rejects.toMatchObject({ code: 'commit_unknown' });
    expect(await readFile(desk.files[0] ?? '', 'utf8')).toContain('"treeSize": 3');
  });

  const toldBy = ({ alerts, files }: WitnessingDesk): Alert => {
    const alert = alerts.at(-1);
    if (alert === undefined) throw new Error('no alert');
    return alertOfWitnessing(alert, files.at(-1));
  };

  test('a bare size above the log is an alarm, once, and a reason to look; the log goes on', async () => {
    const desk = await witnessingDesk({ count: 2, quorum: 'any' });
    await desk.append('one');
    desk.lies.set('a', async (_, { method }) => (method === 'GET' ? text('', 404) : text('7\n', 409)));
    const witnessing = await desk.start();
    expect(desk.alerts).toMatchObject([{ kind: 'witness_size_above', witnessSize: 7, treeSize: 1 }]);
    expect(desk.asked.filter(({ witness, method }) => witness === 'a' && method === 'GET')).toHaveLength(2);
    await desk.append('two');
    await passUntil(desk.clock, () => witnessing.witnessedHead?.size === 2);
    await passUntil(desk.clock, () => desk.asked.filter(({ witness }) => witness === 'a').length > 6);
    expect(desk.alerts).toHaveLength(1);
    expect(await readFile(desk.files[0] ?? '', 'utf8')).toContain('"witnessSize": 7');
    await expectTold(toldBy(desk), ['sizes', 'expectedHash', 'evidenceFile']);
    expect(toldBy(desk)).toMatchObject({ kind: 'witness_in_doubt', sizes: [1, 7] });
    desk.lies.clear();
    await passUntil(
      desk.clock,
      () => desk.asked.at(-1)?.witness === 'a' && witnessing.status().witnesses[0]?.failures === 0,
    );
    desk.lies.set('a', async (_, { method }) => (method === 'GET' ? text('', 404) : text('8\n', 409)));
    await passUntil(desk.clock, () => desk.alerts.length === 2);
    expect(toldBy(desk).sizes).toEqual([2, 8]);
  });

  test('a size below what the witness has cosigned is an alarm, once until it cosigns again; the log goes on', async () => {
    const desk = await witnessingDesk();
    await desk.append('one', 'two');
    const witnessing = await desk.start();
    expect(desk.alerts).toEqual([]);
    let forgets = 2;
    const forgetful = async (honest: () => Promise<Response>, { method }: Asked): Promise<Response> => {
      if (method === 'GET' || forgets === 0) return honest();
      forgets -= 1;
      return text(`${forgets}\n`, 409);
    };
    desk.lies.set('a', forgetful);
    await desk.append('three');
    await passUntil(desk.clock, () => witnessing.witnessedHead?.size === 3);
    expect(desk.alerts).toMatchObject([{ kind: 'witness_forgot', treeSize: 2, witnessSize: 1 }]);
    expect(desk.alerts[0]?.expectedHash).toBe(parseNote(desk.alerts[0]?.notes[0] ?? '').text.split('\n')[2]);
    await expectTold(toldBy(desk), ['sizes', 'expectedHash', 'evidenceFile']);
    expect(toldBy(desk)).toMatchObject({ kind: 'witness_in_doubt', sizes: [2, 1] });
    forgets = 1;
    await desk.append('four');
    await passUntil(desk.clock, () => witnessing.witnessedHead?.size === 4);
    expect(desk.alerts).toMatchObject([
      { treeSize: 2 },
      { kind: 'witness_forgot', treeSize: 3, witnessSize: 0 },
    ]);
    expect(new Set(desk.files).size).toBe(2);
  });

  test('a witness that forgets while the log does not run is found by the next process', async () => {
    const desk = await witnessingDesk();
    await desk.append('one', 'two');
    await (await desk.start()).close();
    await desk.log.close();
    const again = await witnessingDesk({ dir: desk.dir, witnesses: desk.witnesses });
    // As one does whose database is empty: it would take any tree from 0.
    again.lies.set('a', async (honest, { method, body }) => {
      if (method === 'GET') return text('', 404);
      return body.startsWith('old 0\n') ? honest() : text('0\n', 409);
    });
    await again.start();
    expect(again.alerts).toMatchObject([{ kind: 'witness_forgot', treeSize: 2, witnessSize: 0 }]);
    expect(again.asked.find(({ method }) => method === 'POST')?.body).toMatch(/^old 2\n/);
  });

  test.each([
    ['a note that the log has not signed', (note: string) => note.replace('\n1\n', '\n9\n')],
    ['no note', () => 'hello'],
    ['a note of another log', () => 'other.example/log\n9\nAAAA\n\n— other.example/log AAAA\n'],
  ])('what the log has not signed says nothing: %s', async (_, shown) => {
    const desk = await witnessingDesk();
    await desk.append('one');
    desk.lies.set('a', async (honest, { method }) =>
      method === 'GET' ? text(shown(desk.log.head.note)) : honest(),
    );
    await desk.start();
    expect([desk.alerts, desk.log.publishedHead.size]).toEqual([[], 1]);
  });

  test('a proof that the witness refuses makes the log look what it holds', async () => {
    const { desk, held } = await forked(2, 4, 3);
    let looked = 0;
    desk.lies.set('a', async (honest, { method }) => {
      if (method !== 'GET') return honest();
      looked += 1;
      return looked === 1 ? text('', 404) : text(held);
    });
    await expect(desk.start()).rejects.toMatchObject({ code: 'fork' });
    expect(looked).toBe(2);
  });
});
