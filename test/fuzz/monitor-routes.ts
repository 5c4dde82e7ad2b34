import fc from 'fast-check';
import * as core from '../../src/core/core.ts';
import { parseEvidence } from '../../src/core/evidence/evidence.ts';
import { judgeEvidence } from '../../src/core/evidence/judge.ts';
import { GOSSIP_NOTES_MAX } from '../../src/monitor/gossip-text.ts';
import { ed25519Verify } from '../../src/runtime/ed25519.ts';
import { nodeHasher } from '../../src/runtime/node-hasher.ts';
import { originHash } from '../../src/witness/witness-record.ts';
import { type Edit, edited, edits } from './edits.ts';
import * as forms from './forms.ts';
import { expectSame, type Fields, fieldsOf, hex, judgeRefusal } from './judge.ts';
import { bodyOf } from './judge-append.ts';
import { ENTRIES, type FuzzMonitor, ORIGIN, VERIFIED } from './monitor-server.ts';
import { type RawAnswer, RawClient, type RawRequest } from './raw-client.ts';
import { type RouteRow, requestsFor } from './requests.ts';
import { type Target, target } from './target.ts';

const GOSSIP = '/gossip/v1/checkpoints';
const POST = 'POST gossip/v1/checkpoints';
/** Heads that a monitor keeps until it can compare them. */
const HEARD_MAX = 8;
const only = fc.constant;
const hash = fc.oneof(
  { weight: 5, arbitrary: only(originHash(ORIGIN)) },
  fc.uint8Array({ minLength: 32, maxLength: 32 }).map(hex),
);
const width = fc.oneof(only(256), fc.integer({ min: 1, max: 256 }));
const tile = fc
  .record({ level: fc.integer({ min: 0, max: 2 }), index: fc.integer({ min: 0, max: 3 }), width })
  .map(core.formatTilePath);
const bundle = fc.record({ index: fc.integer({ min: 0, max: 3 }), width }).map(core.formatBundlePath);
const rest = fc.oneof(tile, bundle, forms.tilePath, forms.bundlePath);

/** Routes that change nothing. */
const READS: readonly RouteRow[] = [
  { name: 'GET healthz', method: 'GET', path: only('/healthz') },
  { name: 'GET readyz', method: 'GET', path: only('/readyz') },
  { name: 'GET metrics', method: 'GET', path: only('/metrics') },
  { name: 'GET gossip/v1/checkpoints', method: 'GET', path: only(GOSSIP) },
  { name: 'GET {hash}/checkpoint', method: 'GET', path: hash.map((name) => `/${name}/checkpoint`) },
  {
    name: 'GET {hash}/tile',
    method: 'GET',
    path: fc.tuple(hash, rest).map((parts) => `/${parts.join('/')}`),
  },
  { name: 'anything else', method: 'GET', path: fc.webPath().map((path) => `/${path.replace(/^\/+/, '')}`) },
];

/** Names of the targets, without a server. */
export const MONITOR_ROUTES: readonly string[] = [POST, ...READS.map(({ name }) => name)];

/** Every route of a monitor, fuzzed over one connection. */
export function monitorTargets(server: FuzzMonitor): Target[] {
  const client = new RawClient(server.port);
  const check = async (request: RawRequest): Promise<void> =>
    judgeMonitor(server, request, await client.send(request));
  const post = target(`monitor ${POST}`, told, async (what) => check(await requestOf(server, what)));
  const reads = READS.map((row) => target(`monitor ${row.name}`, requestsFor(row), check));
  return [post, ...reads];
}

/** A head that a peer shows: of which history and log, and what became of it on its way. */
interface Shown {
  readonly of: 'honest' | 'forked' | 'another log' | 'another key';
  readonly size: number;
  readonly list: readonly Edit[];
}

/** What a peer tells. Some say too much, some a body that is none. */
interface Told {
  readonly heads: readonly Shown[];
  readonly times: number;
  readonly list: readonly Edit[];
}

const mostlyNone = fc.oneof({ weight: 3, arbitrary: only([]) }, edits);
const shown: fc.Arbitrary<Shown> = fc.record({
  of: fc.constantFrom('honest', 'honest', 'honest', 'forked', 'another log', 'another key'),
  size: fc.oneof(only(VERIFIED), fc.integer({ min: 0, max: ENTRIES })),
  list: mostlyNone,
});
const told: fc.Arbitrary<Told> = fc.record({
  heads: fc.array(shown, { maxLength: 3 }),
  times: fc.oneof({ weight: 50, arbitrary: only(1) }, fc.constantFrom(34, GOSSIP_NOTES_MAX)),
  list: mostlyNone,
});

async function noteOf(server: FuzzMonitor, { of, size, list }: Shown): Promise<string> {
  const [other, stranger] = server.others;
  const signing = { 'another log': other, 'another key': stranger, honest: server.log, forked: server.log }[
    of
  ];
  const history = of === 'forked' ? server.forked : server.honest;
  return edited((await signing?.note({ history, size })) ?? '', list);
}

async function requestOf(server: FuzzMonitor, { heads, times, list }: Told): Promise<RawRequest> {
  const notes = await Promise.all(heads.map((head) => noteOf(server, head)));
  const checkpoints = Array.from({ length: times }, () => notes).flat();
  const text = Buffer.from(JSON.stringify({ checkpoints })).toString('latin1');
  const body = Buffer.from(edited(text, list), 'latin1');
  const headers = [
    ['Host', 'monitor.example'],
    ['Content-Length', `${body.length}`],
  ] as const;
  return { method: 'POST', target: GOSSIP, headers, body };
}

async function judgeMonitor(server: FuzzMonitor, request: RawRequest, answer: RawAnswer): Promise<void> {
  const { monitor, honest, log, bugs } = server;
  if (bugs.length > 0) throw new Error('the monitor met a bug', { cause: bugs.splice(0)[0] });
  if (answer.status >= 400) judgeRefusal(request, answer);
  else if (request.method === 'POST') await judgeGossip(server, request, fieldsOf(answer));
  else if (request.method !== 'HEAD') await judgeRead(server, request, answer);
  const forks = server.reported.splice(0);
  for (const { kind, evidence = '' } of forks) await judgeFork(server, kind, evidence);
  const head = await log.note({ history: honest, size: VERIFIED });
  expectSame('the verified heads', monitor.heads().join(), head);
  if (monitor.known().length > 1 + HEARD_MAX) throw new Error(`${monitor.known().length} heads are kept`);
}

/** Each note is looked at in its order, and is what the honest tree says. */
async function judgeGossip(server: FuzzMonitor, request: RawRequest, fields: Fields): Promise<void> {
  const { checkpoints } = JSON.parse(Buffer.from(bodyOf(request)).toString()) as { checkpoints: string[] };
  const { results } = fields;
  expectSame('how many results', results.length, checkpoints.length);
  if (checkpoints.length > GOSSIP_NOTES_MAX) throw new Error(`${checkpoints.length} notes were taken`);
  for (const [i, note] of checkpoints.entries()) await judgeResult(server, note, results[i]);
  const forks = results.filter(({ outcome }: Fields) => outcome === 'fork');
  expectSame('forks that were reported', server.reported.length, forks.length);
  expectSame('the heads', String(fields['checkpoints']), server.monitor.heads().join());
}

const UNREAD = ['unknown_origin', 'untrusted_checkpoint', 'malformed_note', 'malformed_checkpoint'];

async function judgeResult(server: FuzzMonitor, note: string, result: Fields): Promise<void> {
  const logVerifiers = [core.createNoteVerifier(server.log.signer.vkey, ed25519Verify)];
  const head = await core.verifyCheckpoint(note, { origin: ORIGIN, logVerifiers }).catch(() => undefined);
  expectSame('whether it was looked at', result['code'] === undefined, head !== undefined);
  if (head === undefined)
    return expectSame(`a code like ${result['code']}`, UNREAD.includes(result['code']), true);
  const { size, rootHash } = head;
  expectSame('origin and size', `${result['origin']} ${result['size']}`, `${ORIGIN} ${size}`);
  if (result['outcome'] === 'fork') return judgeFork(server, 'fork', result['evidence']);
  expectSame(
    'the outcome',
    result['outcome'],
    size > VERIFIED ? 'ahead' : size === VERIFIED ? 'same' : 'prefix',
  );
  if (size <= VERIFIED) expectSame('its root', hex(rootHash), hex(server.honest.root(size)));
}

/** Nothing but a fork is seen here, and it convicts. */
async function judgeFork(server: FuzzMonitor, kind: string, evidence: string): Promise<void> {
  expectSame('what was observed', kind, 'fork');
  const keys = [core.parseVerifierKey(server.log.signer.vkey)];
  const trust = { keys, ed25519: ed25519Verify };
  expectSame('the accused', (await judgeEvidence(nodeHasher, parseEvidence(evidence), trust)).accused, 'log');
}

async function judgeRead(
  server: FuzzMonitor,
  { target: asked }: RawRequest,
  answer: RawAnswer,
): Promise<void> {
  expectSame('the status of a read', answer.status, 200);
  const [path = ''] = asked.split('?');
  const [head = ''] = server.monitor.heads();
  const mirrored = `/${originHash(ORIGIN)}/`;
  if (path === GOSSIP) expectSame('the heads', String(fieldsOf(answer)['checkpoints']), head);
  else if (path === `${mirrored}checkpoint`) expectSame('the note', answer.body.toString(), head);
  else if (path.startsWith(mirrored)) judgeTile(server, path.slice(mirrored.length), answer);
  else expectSame('a probe', ['/healthz', '/readyz', '/metrics'].includes(path), true);
}

function judgeTile({ honest }: FuzzMonitor, path: string, { body }: RawAnswer): void {
  if (path.startsWith('tile/entries/'))
    expectSame('the bundle', hex(body), hex(honest.bundle(core.parseBundlePath(path))));
  else expectSame('the tile', hex(body), hex(honest.tile(core.parseTilePath(path))));
}
