import { createHash } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Hash, portableHasher } from '../../src/core/merkle/hasher.ts';
import { createNoteVerifier, type NoteVerifier } from '../../src/core/note/verifier.ts';
import { createApp } from '../../src/http/app.ts';
import { startServer } from '../../src/http/server.ts';
import { systemClock } from '../../src/runtime/clock.ts';
import { ed25519Verify } from '../../src/runtime/ed25519.ts';
import { systemRandom } from '../../src/runtime/random.ts';
import { createDataDirectory, createLog } from '../../src/sequencer/create-log.ts';
import { readManifest } from '../../src/sequencer/data-directory.ts';
import type { LogKind } from '../../src/sequencer/log.ts';
import { type OpenLog, openLog } from '../../src/sequencer/open-log.ts';
import { NaiveTree } from '../core/merkle/naive-tree.ts';
import { PATIENT } from './patience.ts';

/** May do everything. */
export const TOKEN: string = `stele_00000000_${'a'.repeat(43)}`;
/** May read alone. */
export const READ_TOKEN: string = `stele_00000001_${'b'.repeat(43)}`;
export const ORIGIN = 'log.example/main';
const FIRST_ENTRIES = 700;

/** What the log must be: its entries, and the tree of them by the definitions of RFC 6962. */
export class LogModel {
  readonly entries: Uint8Array[] = [];
  readonly leafHashes: Hash[] = [];
  readonly #tree = new NaiveTree(this.leafHashes);

  get size(): number {
    return this.entries.length;
  }

  add(entry: Uint8Array): void {
    this.entries.push(entry);
    this.leafHashes.push(portableHasher.leafHash(entry));
  }

  rootHash(size: number): Hash {
    return this.#tree.hash(0, size);
  }

  /** Hashes of a tile: roots of the complete subtrees below each of its nodes. */
  tile(level: number, index: number, width: number): Buffer {
    const span = 256 ** level;
    const first = index * 256;
    return Buffer.concat(
      Array.from({ length: width }, (_, i) => this.#tree.hash((first + i) * span, (first + i + 1) * span)),
    );
  }
}

/** A server on a socket with a log of its own, and what that log must be. */
export interface FuzzServer extends AsyncDisposable {
  readonly port: number;
  readonly log: OpenLog;
  readonly model: LogModel;
  readonly verifier: NoteVerifier;
  /** What was answered with 500. */
  readonly bugs: unknown[];
}

const sha256 = (token: string): string => createHash('sha256').update(token).digest('hex');

/** The real application on real sockets, over a log on LevelDB in a temporary folder: of some entries, or of no event. */
export async function startFuzzServer(kind: LogKind = 'entries'): Promise<FuzzServer> {
  const folder = await mkdtemp(join(tmpdir(), 'stele-fuzz-'));
  const dir = { dataPath: join(folder, 'data'), guardPath: join(folder, 'data.guard') };
  await createDataDirectory(dir);
  const deps = { dir, clock: systemClock, random: systemRandom };
  const publicLabels = kind === 'events' ? (['kind', 'outcome'] as const) : [];
  await createLog(deps, { name: 'main', kind, origin: ORIGIN, publicLabels });
  const log = await openLog({ dir, clock: systemClock }, 'main', { reserveBytes: 0 });
  const model = new LogModel();
  for (let i = 0; kind === 'entries' && i < FIRST_ENTRIES; i += 1) model.add(Buffer.from(`entry ${i}`));
  if (kind === 'entries') await log.append({ entries: model.entries.slice() });
  const bugs: unknown[] = [];
  const app = createApp({
    logs: { names: () => ['main'], get: (name) => (name === 'main' ? log : undefined) },
    tokens: () => [
      { id: '00000000', sha256: sha256(TOKEN), scopes: ['append', 'read', 'query', 'admin'], logs: '*' },
      { id: '00000001', sha256: sha256(READ_TOKEN), scopes: ['read'], logs: ['main'] },
    ],
    clock: systemClock,
    backup: {
      manifest: (name) => readManifest(dir, name),
      config: async () => undefined,
      secrets: async () => undefined,
      stored: async () => log.stored(),
    },
    onBug: (thrown) => bugs.push(thrown),
  });
  const server = await startServer(app, { hostname: '127.0.0.1', port: 0 }, PATIENT);
  return {
    port: server.port,
    log,
    model,
    verifier: createNoteVerifier(log.vkeys[0] ?? '', ed25519Verify),
    bugs,
    [Symbol.asyncDispose]: async () => {
      await server.close();
      await log.close();
      await rm(folder, { recursive: true, force: true });
    },
  };
}
