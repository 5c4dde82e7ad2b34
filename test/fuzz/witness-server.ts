import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type CosignatureVerifier, createCosignatureVerifier } from '../../src/core/note/cosignature.ts';
import { startServer } from '../../src/http/server.ts';
import { createWitnessApp } from '../../src/http/witness-app.ts';
import { ed25519Verify } from '../../src/runtime/ed25519.ts';
import { systemRandom } from '../../src/runtime/random.ts';
import { openWitness } from '../../src/witness/open-witness.ts';
import type { Witness } from '../../src/witness/running-witness.ts';
import { addLog, createWitness } from '../../src/witness/witness-directory.ts';
import { GrowingLog, testSigner } from '../support/growing-log.ts';
import { PATIENT } from './patience.ts';

const LEAVES = 700;

/** A witness on a socket, and the two histories of the log that it follows. */
export interface FuzzWitness extends AsyncDisposable {
  readonly port: number;
  readonly witness: Witness;
  readonly verifier: CosignatureVerifier;
  /** What the log has: its first checkpoint is cosigned before anything is asked. */
  readonly honest: GrowingLog;
  /** Another tree under the same key, from the first leaf on. */
  readonly forked: GrowingLog;
  /** What was cosigned last, as the answers say. */
  readonly last: { size: number; timeSec: number };
  /** What was answered with 500. */
  readonly bugs: unknown[];
}

/** The real witness on real sockets, in a temporary folder. */
export async function startFuzzWitness(): Promise<FuzzWitness> {
  const folder = await mkdtemp(join(tmpdir(), 'stele-fuzz-'));
  const dir = { dataPath: join(folder, 'witness'), guardPath: join(folder, 'witness.guard') };
  const vkey = await createWitness(dir, 'witness.example/w', systemRandom);
  const signer = testSigner('log.example/main');
  await addLog(dir, signer.vkey);
  const honest = GrowingLog.of(signer, LEAVES);
  const witness = await openWitness({ dir, logRate: 0 });
  await witness.addCheckpoint(Buffer.from(await honest.request(0, 1)));
  const bugs: unknown[] = [];
  const app = createWitnessApp({ witness, onBug: (thrown) => bugs.push(thrown) });
  const server = await startServer(app, { hostname: '127.0.0.1', port: 0 }, PATIENT);
  return {
    port: server.port,
    ...{ witness, honest, bugs },
    verifier: createCosignatureVerifier(vkey, ed25519Verify),
    forked: GrowingLog.of(signer, LEAVES, { from: 0 }),
    last: { size: 1, timeSec: 0 },
    [Symbol.asyncDispose]: async () => {
      await server.close();
      await witness.close();
      await rm(folder, { recursive: true, force: true });
    },
  };
}
