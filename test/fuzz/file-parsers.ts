import { createHash } from 'node:crypto';
import { rmSync, writeFileSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import fc from 'fast-check';
import type { Context } from 'hono';
import { BackupLog, isBackup, parseRetry } from '../../src/backup/backup-folder.ts';
import { parseListen } from '../../src/cli/config.ts';
import { fileSettings } from '../../src/cli/config-file.ts';
import { verifyProofFile } from '../../src/cli/proof-file.ts';
import { readTokens } from '../../src/cli/token-file.ts';
import * as answers from '../../src/client/answers.ts';
import { refusalOf } from '../../src/client/problem.ts';
import { ED25519, formatSignerKey, formatVerifierKey, parsePolicy, treeSize } from '../../src/core/core.ts';
import { parseShallowJson } from '../../src/core/encoding/json.ts';
import { queryOf } from '../../src/http/query.ts';
import { authorize } from '../../src/http/tokens.ts';
import { generateSigningKey } from '../../src/keys/generate.ts';
import { readKeyFile } from '../../src/keys/key-file.ts';
import { createSigner } from '../../src/keys/signer.ts';
import { progressFile } from '../../src/scrub/progress-file.ts';
import { DamageRecord } from '../../src/sequencer/damage-record.ts';
import { checkDataDirectory, readManifest } from '../../src/sequencer/data-directory.ts';
import { findingFile } from '../../src/sequencer/finding-file.ts';
import { decodeSlot, encodeSlot } from '../../src/store/guard-slot.ts';
import {
  decodeIndex,
  decodeRetry,
  decodeState,
  encodeIndex,
  encodeRetry,
  encodeState,
} from '../../src/store/rows.ts';
import { readLogList } from '../../src/witness/log-list.ts';
import { readWitnessManifest } from '../../src/witness/witness-directory.ts';
import { decodeRecord, encodeRecord } from '../../src/witness/witness-record.ts';
import * as forms from './forms.ts';
import { bytesParser, hash32, jsonParser, size53, textParser } from './parser.ts';
import type { Target } from './target.ts';

const hex = (byte: number): string => Buffer.alloc(32, byte).toString('hex');
const hash = Buffer.alloc(32, 7).toString('base64');
const TOKEN = `stele_00000000_${'a'.repeat(43)}`;
const TOKEN_SHA256 = createHash('sha256').update(TOKEN).digest('hex');
const NO_POLICY = parsePolicy('quorum none\n');
const AT = '2026-01-02T03:04:05.000Z';

const TOKEN_RECORD = {
  ...{ id: '00000000', sha256: hex(1), scopes: ['append', 'admin'], logs: ['main'] },
  ...{ createdAt: AT, expiresAt: AT },
};
const MANIFEST = {
  ...{ schema: 1, name: 'main', kind: 'entries', origin: 'log.example/main', duplicates: 'key' },
  vkey: generateSigningKey(() => new Uint8Array(32), 'log.example/main').vkey,
  ...{ leafHashIndex: true, reads: 'public', createdAt: AT },
};
const FINDING = {
  ...{
    log: 'main',
    part: 'tile',
    level: 0,
    index: 1,
    entry: 2,
    row: '7400',
    expected: hex(1),
    actual: hex(2),
  },
  ...{ message: 'wrong', foundBy: 'scrub', foundAt: AT, whatNext: 'repair' },
};
const RECORD = { schema: 1, findings: [FINDING], more: 2, withheldSorts: ['bundle', 'unknown'] };
const PASS = {
  ...{ startedAtMs: 1, treeSize: 9, phase: 'tiles', next: 1, steps: 3, after: '74', progress: 0.5 },
  ...{ entriesChecked: 1, rowsChecked: 1, findings: 0, finishedAtMs: 2 },
};
const SEGMENT = { file: 'heads/0-9.ndjson', rows: 1, sha256: hex(3) };
const BACKUP = { schema: 1, treeSize: 9, checkpoint: 'c', takenAt: AT, heads: [SEGMENT], retries: [] };

/** Parsers of files in a data directory or backup: the file is written, then read as the server reads it. */
export async function fileParsers(folder: string): Promise<Target[]> {
  const log = join(folder, 'logs', 'main');
  const dir = { dataPath: folder, guardPath: join(folder, 'guard') };
  await mkdir(log, { recursive: true });
  const written =
    <T>(name: string, read: () => Promise<T>) =>
    async (text: string): Promise<T> => {
      // A new file each time: one that is emptied first is written through to the disk.
      rmSync(join(folder, name), { force: true });
      writeFileSync(join(folder, name), text, { mode: 0o600 });
      return read();
    };
  const json = (name: string, good: unknown, read: () => Promise<unknown>): Target =>
    jsonParser(`file: ${name}`, good, { parse: written(name, read) });
  const readKey = async (): Promise<unknown> => createSigner(await readKeyFile(join(log, 'key')));
  const backup = new BackupLog(folder, 'main');
  return [
    json('logs/main/log.json', MANIFEST, () => readManifest(dir, 'main')),
    json('stele.json', { schema: 1 }, () => checkDataDirectory(dir)),
    json('tokens.json', { schema: 1, tokens: [TOKEN_RECORD] }, () => readTokens(folder)),
    json('logs/main/damage.json', RECORD, () => reopened(log)),
    json('logs/main/scrub.json', { schema: 1, pass: PASS, lastPass: PASS }, () => progressFile(log).read()),
    json('stele-backup.json', { schema: 1 }, () => isBackup(folder)),
    json('logs/main/backup.json', BACKUP, () => backup.facts()),
    json('witness.json', { schema: 1, name: 'w', vkey: 'v' }, () => readWitnessManifest(dir)),
    textParser('file: logs.txt of a witness', {
      good: logKey.map((vkey) => `# ours\n${vkey}\n`),
      parse: written('logs.txt', () => readLogList(join(folder, 'logs.txt'))),
    }),
    textParser('file: logs/main/key', {
      good: plainKey.map((key) => `${formatSignerKey(key)}\n`),
      parse: written('logs/main/key', readKey),
    }),
  ];
}

const logKey = forms.signerKey.filter(({ type }) => type === ED25519).map(formatVerifierKey);
const plainKey = forms.signerKey.filter(({ type }) => type === ED25519);

/** Findings of an earlier process are in force at once: what was read must be fit for that. */
async function reopened(log: string): Promise<number> {
  const nothing = (): void => undefined;
  const deps = { log: 'main', clock: { nowMs: () => 0 }, file: undefined };
  const kept = await findingFile(log).read();
  const told = { withhold: nothing, withholdSort: nothing, halt: nothing, alert: nothing };
  return new DamageRecord({ ...deps, ...told }, kept).more;
}

const retry = { key: hex(1), firstIndex: 5, count: 2, contentHash: hex(2) };
const receipt = {
  index: 0,
  leafHash: hash,
  treeSize: 1,
  rootHash: hash,
  inclusionProof: [hash],
  checkpoint: 'c',
};
const heads = { checkpoints: [{ treeSize: 1, rootHash: hash, checkpoint: 'c' }], treeSize: 2 };
const ANSWERS: readonly [string, object, (json: unknown) => unknown][] = [
  ['answer: receipt', receipt, answers.readReceipt],
  ['answer: batch', { indexes: [0, 1], new: [true, false], checkpoint: 'c' }, answers.readBatch],
  ['answer: inclusion', receipt, answers.readInclusion],
  ['answer: consistency', { fromRootHash: hash, consistencyProof: [hash] }, answers.readConsistency],
  ['answer: multi', { leafHashes: [hash], nodes: [hash], checkpoint: 'c' }, answers.readMulti],
  ['answer: log', { duplicates: 'key' }, answers.readDuplicates],
  ['answer: checkpoints', heads, (value) => answers.readHeads(value, treeSize(1))],
  ['backup: retry', retry, parseRetry],
];
const PROBLEM = { code: 'queue_full', detail: 'd', status: 503, treeSize: 1 };
const isSyntaxError = (error: unknown): boolean => error instanceof SyntaxError;

/** Parsers of what a server or a client says. */
const messageParsers: readonly Target[] = [
  ...ANSWERS.map(([name, good, read]) =>
    jsonParser(name, good, { parse: (text) => read(parseShallowJson(text)), mayThrow: isSyntaxError }),
  ),
  textParser('json', {
    good: forms.plainValue([]).map((value) => JSON.stringify(value)),
    parse: parseShallowJson,
    mayThrow: isSyntaxError,
    holds: (value, text) => {
      if (JSON.stringify(value) !== JSON.stringify(JSON.parse(text)))
        throw new Error('JSON.parse reads another value');
    },
  }),
  jsonParser('problem', PROBLEM, {
    parse: (text) =>
      refusalOf('http://x', { status: 503, body: Buffer.from(text), headers: new Headers() }).message,
    holds: (message) => {
      if (/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u.test(message)) throw new Error('controls get into a message');
    },
  }),
  textParser('query', {
    good: fc.tuple(size53, size53).map(([from, to]) => `from=${from}&to=${to}`),
    parse: (text) => queryOf({ req: { url: `http://x/?${text}` } } as unknown as Context, ['from', 'to']),
  }),
  textParser('token', {
    good: fc.constant(`Bearer ${TOKEN}`),
    parse: (authorization) =>
      authorize(() => [{ id: '00000000', sha256: TOKEN_SHA256, scopes: ['append'], logs: '*' }], {
        ...{ authorization, scope: 'append', log: 'main', nowMs: 0 },
      }),
    holds: (_, authorization) => {
      if (authorization.slice(7) !== TOKEN) throw new Error('another token is taken for this one');
    },
  }),
  textParser('listen address', {
    good: fc.constantFrom('127.0.0.1:8080', '[::1]:0', ':65535', 'host.example:1'),
    parse: parseListen,
  }),
  textParser('config file', {
    good: fc.constant('data: ./d\nlisten: 127.0.0.1:0\nscrubSeconds: 5\nreserveBytes: 0\ntokenFile: t\n'),
    parse: (text) => fileSettings(text, 'config.yaml'),
  }),
  bytesParser('proof file', {
    good: fc.oneof(forms.receipt, forms.tlogProof).map((text) => Buffer.from(text)),
    // None of them is signed by the key, so nothing may be accepted: what it is refused for has to be ours.
    parse: (bytes) =>
      verifyProofFile(bytes, { policy: NO_POLICY, entry: new Uint8Array(1) }).catch((error: unknown) => {
        if ((error as { code?: string }).code === 'wrong_origin') return 'read';
        throw error;
      }),
    holds: (proven) => {
      if (proven !== 'read') throw new Error('a proof holds that nobody has signed');
    },
  }),
];

/** Rows as they are kept; what seals them is checked before, so that these see bytes of the right origin. */
const rowParsers: readonly Target[] = [
  bytesParser('guard slot', {
    good: fc
      .record({ size: size53.map(treeSize), rootHash: hash32, note: fc.string({ maxLength: 50 }) })
      .map((mark) => encodeSlot(mark)),
    parse: (bytes) => ({ bytes, mark: decodeSlot(Buffer.from(bytes)) }),
    // What is no slot is a slot that was never written.
    format: ({ bytes, mark }) => (mark === undefined ? bytes : encodeSlot(mark)),
  }),
  bytesParser('state row', {
    good: fc
      .record({ size: size53.map(treeSize), rootHash: hash32, committedAtMs: size53, keptEnd: size53 })
      .map(encodeState),
    parse: decodeState,
    format: encodeState,
  }),
  bytesParser('retry row', {
    good: fc
      .record({ firstIndex: size53, count: fc.integer({ min: 1, max: 4096 }), contentHash: hash32 })
      .map((row) => encodeRetry(row as Parameters<typeof encodeRetry>[0])),
    parse: decodeRetry,
    format: encodeRetry,
  }),
  bytesParser('witness record', {
    good: fc
      .record({ size: size53.map(treeSize), rootHash: hash32, timeSec: size53, note: forms.note })
      .map(encodeRecord),
    parse: decodeRecord,
    format: encodeRecord,
  }),
  bytesParser('index row', {
    good: size53.map((index) => encodeIndex(index as Parameters<typeof encodeIndex>[0])),
    parse: decodeIndex,
    format: encodeIndex,
  }),
];

/** What is not a file. */
export const otherParsers: readonly Target[] = [...messageParsers, ...rowParsers];
