import type { IncomingMessage, ServerResponse } from 'node:http';
import { ENTRY_BYTES_MAX } from '../core/tile/bundle.ts';
import type { Now } from '../runtime/now.ts';
import type { AppendResult, Log } from '../sequencer/log.ts';
import { ENTRY, ENTRY_TYPE } from './append.ts';
import { readIncoming } from './body.ts';
import type { BodyMemory } from './body-memory.ts';
import { rawHeader } from './headers.ts';
import { checkedKey, idempotencyOf } from './idempotency.ts';
import type { Problem } from './problem.ts';
import { inclusionText } from './proof-text.ts';
import type { KnownToken } from './tokens.ts';
import type { WriteGate } from './write-gate.ts';

/** Takes a request as node has it and answers it; false: it was not touched, and goes the general way. */
export type DirectAppend = (incoming: IncomingMessage, outgoing: ServerResponse) => boolean;

/** What the general way appends with, too. */
export interface DirectAppendDeps {
  readonly bodies: BodyMemory;
  readonly gate: WriteGate;
  permit(authorization: string | undefined, log: string): Now<KnownToken>;
  openLog(name: string): Now<Log>;
  onAppended(log: string, outcome: 'new' | 'repeated'): void;
  onRefused(log: string, error: unknown): void;
  onAnswered(status: number, startMs: number): void;
  nowMs(): number;
  problem(thrown: unknown): Problem;
}

/**
 * POST entries as nearly all of them come: one entry whose length is known, without parameters, answered with its receipt as
 * JSON. Without the requests, answers and contexts of Fetch, of which each waits for its commit and costs the garbage
 * collector more than it took to make. Whatever is not just so, refusals that need no body included, goes the general way.
 */
export function createDirectAppend(deps: DirectAppendDeps): DirectAppend {
  return (incoming, outgoing) => {
    const call = callOf(deps, incoming);
    if (call === undefined) return false;
    answer(deps, call, incoming, outgoing).catch((thrown: unknown) => {
      outgoing.destroy();
      deps.problem(thrown);
    });
    return true;
  };
}

/** Who appends one entry, and where. */
interface Call {
  readonly log: Log;
  readonly tokenId: string;
  readonly key: string | undefined;
}

const PATH = /^\/logs\/([a-z0-9][a-z0-9-]{0,62})\/entries$/;
/** What any other Host says is for the general way to tell. */
const HOST = /^[a-z0-9._-]{1,255}(?::(?:[1-5]\d{3,4}|6[0-4]\d{3}|[6-9]\d{3}))?$/;

function callOf(deps: DirectAppendDeps, incoming: IncomingMessage): Call | undefined {
  const name = incoming.method === 'POST' ? PATH.exec(incoming.url ?? '')?.[1] : undefined;
  const bytes = plainLength(incoming);
  if (name === undefined || bytes === undefined) return undefined;
  try {
    const token = atHand(deps.permit(rawHeader(incoming, 'authorization'), name));
    const log = token && atHand(deps.openLog(name));
    if (token === undefined || log?.kind !== 'entries') return undefined;
    const key = log.duplicates === 'key' ? checkedKey(rawHeader(incoming, 'idempotency-key')) : undefined;
    log.admit(bytes);
    deps.bodies.check(bytes);
    return { log, tokenId: token.id, key };
  } catch {
    return undefined;
  }
}

/** The length of a body that comes as it is, from who takes any answer. */
function plainLength(incoming: IncomingMessage): number | undefined {
  const { headers } = incoming;
  const { accept = '*/*', host = '' } = headers;
  const isOther =
    headers['content-encoding'] ?? headers['transfer-encoding'] ?? headers.expect ?? headers.upgrade;
  if (isOther !== undefined || accept !== '*/*' || !HOST.test(host)) return undefined;
  if (rawHeader(incoming, 'content-type') !== ENTRY_TYPE) return undefined;
  const bytes = Number(headers['content-length'] ?? Number.NaN);
  return bytes <= ENTRY_BYTES_MAX ? bytes : undefined;
}

/** A value that is here; one that comes later is for the general way to wait for. */
function atHand<T>(value: Now<T>): T | undefined {
  if (!(value instanceof Promise)) return value;
  value.catch(() => undefined);
  return undefined;
}

/** An answer before it is written. */
type Answer = Omit<Problem, 'body'> & { readonly body: string | Uint8Array };

async function answer(
  deps: DirectAppendDeps,
  call: Call,
  incoming: IncomingMessage,
  outgoing: ServerResponse,
): Promise<void> {
  const startMs = deps.nowMs();
  const { status, headers, body } = await answerOf(deps, call, incoming);
  outgoing.writeHead(status, { ...headers, 'Content-Length': Buffer.byteLength(body) });
  outgoing.end(body);
  deps.onAnswered(status, startMs);
}

async function answerOf(deps: DirectAppendDeps, call: Call, incoming: IncomingMessage): Promise<Answer> {
  try {
    const entry = await readIncoming(incoming, ENTRY, deps.bodies);
    const result = await deps.gate.pass(() => call.log.append(requestOf(call, entry)));
    return await receipt(deps, call.log, result);
  } catch (error) {
    deps.onRefused(call.log.name, error);
    return deps.problem(error);
  }
}

function requestOf({ tokenId, key }: Call, entry: Uint8Array): Parameters<Log['append']>[0] {
  const entries = [entry];
  return key === undefined ? { entries } : { entries, idempotency: idempotencyOf(tokenId, key, entries) };
}

const RECEIPT_HEADERS = { 'Content-Type': 'application/json', Vary: 'Accept' };

async function receipt(
  deps: DirectAppendDeps,
  log: Log,
  { head, indexes, isNew }: AppendResult,
): Promise<Answer> {
  const [index] = indexes;
  if (index === undefined) throw new RangeError('an append without an index');
  const outcome = isNew[0] === true ? 'new' : 'repeated';
  deps.onAppended(log.name, outcome);
  const status = outcome === 'new' ? 201 : 200;
  return { status, headers: RECEIPT_HEADERS, body: await inclusionText(log, head, index) };
}
