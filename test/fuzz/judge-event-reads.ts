import { portableEventHasher } from '../../src/core/event/commitment.ts';
import { readDisclosure, verifyDisclosure } from '../../src/core/event/disclosure.ts';
import { parseDisclosure } from '../../src/core/event/disclosure-file.ts';
import { decodeLeaf } from '../../src/core/event/leaf.ts';
import { SLOT_NAMES } from '../../src/core/event/slots.ts';
import { canonical, type TakenEvent } from './event-model.ts';
import type { FuzzEvents } from './event-server.ts';
import { ORIGIN, TOKEN } from './fuzz-server.ts';
import { expectNoBug, expectSame, hex, judge, judgeTree } from './judge.ts';
import { judgeReceipt } from './judge-append.ts';
import type { RawAnswer, RawRequest } from './raw-client.ts';

const TARGET = /^\/logs\/main\/events\/([^/?]+)(\/raw)?(?:\?(.*))?$/;
/** What nobody can read in two ways. */
const PLAIN_TARGET = /^[A-Za-z0-9/._~:@-]+(?:\?[A-Za-z0-9=&,%-]*)?$/;

/** An event, its disclosure or its bytes are those that were sent, and what is withheld is nowhere in them; nothing else is answered. */
export async function judgeEventRead(
  server: FuzzEvents,
  request: RawRequest,
  answer: RawAnswer,
): Promise<void> {
  const asked = isPlain(request) ? askedFor(server, request.target) : undefined;
  if (answer.status >= 400) {
    await judge(server, request, answer);
    if (asked !== undefined) expectSame('the code', JSON.parse(answer.body.toString()).code, asked);
  } else if (request.method === 'HEAD' || !TARGET.test(request.target)) await judge(server, request, answer);
  else {
    expectNoBug(server);
    await judgeAnswer(server, request.target, answer);
    judgeTree(server);
  }
}

/** As clients send it: the answer to it is known. */
function isPlain({ method, target, headers, body }: RawRequest): boolean {
  const isBare = headers.every(
    ([name, value]) =>
      /^(?:Host|Content-Length|Transfer-Encoding)$/.test(name) ||
      (name === 'Authorization' && value === `Bearer ${TOKEN}`),
  );
  const isEmpty = body.length === 0 || Buffer.from(body).toString() === '0\r\n\r\n';
  return method === 'GET' && isBare && headers.length === 3 && isEmpty && PLAIN_TARGET.test(target);
}

/** The index of the event that is asked for, or the code of the refusal; undefined where this says nothing of it. */
function askedFor({ known }: FuzzEvents, target: string): number | string | undefined {
  const [, name = '', raw, query = ''] = TARGET.exec(target) ?? [];
  const given = new URLSearchParams(query);
  const names = [...given.keys()];
  const allowed = raw === undefined ? ['tenant', 'withhold'] : ['tenant'];
  if (name === '' || /^\.{1,2}$/.test(name)) return undefined;
  if (!isEncoded(query) || new Set(names).size < names.length || names.some((one) => !allowed.includes(one)))
    return 'invalid_parameter';
  const isIndex = /^[0-9]+$/.test(name);
  if (isIndex && String(Number(name)) !== name) return 'malformed_number';
  const index = isIndex ? Number(name) : known.find(name, given.get('tenant') ?? undefined);
  if (index === undefined) return 'unknown_event';
  const event = known.events[index];
  if (event === undefined) return Number.isSafeInteger(index) ? 'beyond_log_head' : 'malformed_number';
  if (raw !== undefined) return event.content === undefined ? 'raw_absent' : index;
  const isSlots = (given.get('withhold') || 'raw')
    .split(',')
    .every((slot) => SLOT_NAMES.some((it) => it === slot));
  return isSlots ? index : 'invalid_parameter';
}

function isEncoded(query: string): boolean {
  try {
    decodeURIComponent(query);
    return true;
  } catch {
    return false; // URIError: not UTF-8 in percent-encoding
  }
}

async function judgeAnswer(server: FuzzEvents, target: string, answer: RawAnswer): Promise<void> {
  const asked = askedFor(server, target);
  const event = server.known.events[Number(asked)];
  if (typeof asked !== 'number' || event === undefined) throw new Error(`an answer in spite of ${asked}`);
  const { status, headers, body } = answer;
  expectSame('the status of a read', status, 200);
  expectSame('what a cache may do', headers.get('cache-control'), 'no-store');
  const [, , raw, query] = TARGET.exec(target) ?? [];
  const withhold = new URLSearchParams(query).get('withhold');
  if (raw !== undefined) {
    expectSame('the type of bytes', headers.get('content-type'), 'application/octet-stream');
    expectSame('the bytes', hex(body), hex(event.content ?? Buffer.of()));
  } else if (withhold === null) await judgeEvent(server, asked, event, answer);
  else await judgeDisclosure(server, asked, event, { file: body.toString(), withhold });
}

async function judgeEvent(
  server: FuzzEvents,
  index: number,
  { event }: TakenEvent,
  answer: RawAnswer,
): Promise<void> {
  const { receipt, ...read } = JSON.parse(answer.body.toString());
  expectSame('the index', read.index, index);
  expectSame('the event', canonical(read.event), canonical(event));
  const { receivedMs } = decodeLeaf(server.model.entries[index] ?? new Uint8Array(0));
  expectSame('when it was received', read.received, receivedMs);
  expectSame('the leaf of the receipt', receipt.index, index);
  await judgeReceipt(server, answer, receipt);
}

/** It holds for whoever has the log's key alone, and shows all of the event but what is withheld. */
async function judgeDisclosure(
  { verifier, model }: FuzzEvents,
  index: number,
  { event }: TakenEvent,
  { file, withhold }: { readonly file: string; readonly withhold: string },
): Promise<void> {
  const parsed = parseDisclosure(file);
  const trust = { origin: ORIGIN, logVerifiers: [verifier] };
  const { size } = await verifyDisclosure(portableEventHasher, parsed, trust);
  expectSame('index and size', `${parsed.receipt.index} ${size}`, `${index} ${model.size}`);
  const withheld = withhold === '' ? [] : [...withhold.split(','), 'raw'];
  const { event: shown, states } = readDisclosure(parsed.disclosure);
  const isHidden = (slot: string): boolean => withheld.includes(slot);
  expectSame(
    'what is withheld',
    `${SLOT_NAMES.filter((slot) => states[slot] === 'withheld')}`,
    `${SLOT_NAMES.filter(isHidden)}`,
  );
  const left = Object.entries(event).filter(([member]) => !isHidden(slotOf(member)));
  const wanted = canonical(Object.fromEntries(left));
  expectSame('what is shown', canonical(shown), wanted);
  const mark = /^core-(\w+)\.x$/.exec(String(event['action']))?.[1];
  for (const slot of mark === undefined ? [] : withheld)
    expectSame(`whether ${slot} shows`, file.includes(`${slot}-${mark}`), wanted.includes(`${slot}-${mark}`));
}

/** The slot of a member (EVENT-4). */
function slotOf(member: string): string {
  return SLOT_NAMES.some((slot) => slot === member) ? member : 'core';
}
