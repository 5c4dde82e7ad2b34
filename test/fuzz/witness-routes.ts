import fc from 'fast-check';
import { parseAddCheckpoint, TLOG_SIZE_TYPE } from '../../src/core/note/add-checkpoint.ts';
import { verifyCheckpoint } from '../../src/core/note/checkpoint.ts';
import { verifyNote } from '../../src/core/note/signed-note.ts';
import { createNoteVerifier } from '../../src/core/note/verifier.ts';
import { ed25519Verify } from '../../src/runtime/ed25519.ts';
import { originHash } from '../../src/witness/witness-record.ts';
import { type Edit, edited, edits } from './edits.ts';
import { expectSame, hex, judgeRefusal } from './judge.ts';
import { type RawAnswer, RawClient, type RawRequest } from './raw-client.ts';
import { type RouteRow, requestsFor } from './requests.ts';
import { type Target, target } from './target.ts';
import type { FuzzWitness } from './witness-server.ts';

const ADD = 'POST add-checkpoint';
const only = fc.constant;

/** Routes that change nothing. */
const READS: readonly RouteRow[] = [
  { name: 'GET healthz', method: 'GET', path: only('/healthz') },
  { name: 'GET readyz', method: 'GET', path: only('/readyz') },
  { name: 'GET metrics', method: 'GET', path: only('/metrics') },
  {
    name: 'GET {hash}/checkpoint',
    method: 'GET',
    path: fc.oneof(
      only(`/${originHash('log.example/main')}/checkpoint`),
      fc.uint8Array({ minLength: 32, maxLength: 32 }).map((hash) => `/${hex(hash)}/checkpoint`),
    ),
  },
  { name: 'anything else', method: 'GET', path: fc.webPath().map((path) => `/${path.replace(/^\/+/, '')}`) },
];

/** Names of the targets, without a server. */
export const WITNESS_ROUTES: readonly string[] = [ADD, ...READS.map(({ name }) => name)];

/** Every route of a witness, fuzzed over one connection. */
export function witnessTargets(server: FuzzWitness): Target[] {
  const client = new RawClient(server.port);
  const add = target(`witness ${ADD}`, asked, async (ask) => {
    const request = await requestOf(server, ask);
    await judgeAdd(server, request, await client.send(request));
  });
  const reads = READS.map((row) =>
    target(`witness ${row.name}`, requestsFor(row), async (request) => {
      await judgeOther(server, request, await client.send(request));
    }),
  );
  return [add, ...reads];
}

/** What a log asks: from which size, how far, of which history, and what became of the body on its way. */
interface Ask {
  readonly from: 'recorded' | number;
  readonly growth: number;
  readonly isForked: boolean;
  readonly list: readonly Edit[];
}

const asked: fc.Arbitrary<Ask> = fc.record({
  from: fc.oneof({ weight: 5, arbitrary: only('recorded' as const) }, fc.integer({ min: 0, max: 700 })),
  growth: fc.integer({ min: -1, max: 3 }),
  isForked: fc.oneof({ weight: 4, arbitrary: only(false) }, only(true)),
  list: fc.oneof(only([]), edits),
});

async function requestOf(server: FuzzWitness, { from, growth, isForked, list }: Ask): Promise<RawRequest> {
  const log = isForked ? server.forked : server.honest;
  const start = from === 'recorded' ? server.last.size : from;
  const end = Math.min(Math.max(0, start + growth), log.leaves.length);
  // A proof backwards is none: the body then says another old size than its proof is from.
  const made = await log.request(Math.min(start, end), end);
  const text = start > end ? made.replace(/^old \d+/, `old ${start}`) : made;
  const body = Buffer.from(edited(Buffer.from(text).toString('latin1'), list), 'latin1');
  const headers = [
    ['Host', 'witness.example'],
    ['Content-Length', `${body.length}`],
  ] as const;
  return { method: 'POST', target: '/add-checkpoint', headers, body };
}

async function judgeAdd(server: FuzzWitness, request: RawRequest, answer: RawAnswer): Promise<void> {
  const { last } = server;
  if (answer.status === 200) await judgeCosigned(server, request.body, answer.body.toString());
  else if (answer.status === 409) {
    expectSame('the type of a size', answer.headers.get('content-type'), TLOG_SIZE_TYPE);
    expectSame('the size in a 409', answer.body.toString(), `${last.size}\n`);
  } else judgeRefusal(request, answer);
  judgeState(server);
}

/** A cosignature stands below a note of the honest history alone, that is no smaller than the last, at no earlier time. */
async function judgeCosigned(server: FuzzWitness, body: Uint8Array, lines: string): Promise<void> {
  const { honest, last, verifier } = server;
  const { oldSize, note } = parseAddCheckpoint(body);
  const logVerifiers = [createNoteVerifier(honest.signer.vkey, ed25519Verify)];
  const { size, rootHash } = await verifyCheckpoint(note, { origin: honest.origin, logVerifiers });
  expectSame('the cosigned root', hex(rootHash), hex(honest.root(size)));
  expectSame('the old size of what was cosigned', oldSize, last.size);
  const text = note.slice(0, note.indexOf('\n\n') + 1);
  const { verified } = await verifyNote(`${text}\n${lines}`, [verifier]);
  expectSame('cosignatures that hold', verified.length, 1);
  const timeSec = Math.max(...verified.map(({ signature }) => verifier.time(signature)));
  if (size < last.size || timeSec < last.timeSec) throw new Error(`went back to ${size} at ${timeSec}`);
  Object.assign(last, { size, timeSec });
}

async function judgeOther(server: FuzzWitness, request: RawRequest, answer: RawAnswer): Promise<void> {
  if (answer.status >= 400) judgeRefusal(request, answer);
  else expectSame('the status of a read', answer.status, 200);
  judgeState(server);
}

function judgeState({ witness, last, bugs }: FuzzWitness): void {
  if (bugs.length > 0) throw new Error('the witness met a bug', { cause: bugs.splice(0)[0] });
  const [log] = witness.logs();
  expectSame('the recorded size', log?.size, last.size);
  expectSame('the refusal of the log', log?.refused, undefined);
}
