import { parseArgs } from 'node:util';
import { startServer } from '../../src/http/server.ts';
import { createWitnessApp } from '../../src/http/witness-app.ts';
import { witnessOnFiles } from '../../src/witness/open-witness.ts';
import { Witness, type WitnessDeps } from '../../src/witness/running-witness.ts';
import { type Pass, passAt, pointsInGuard, pointsInStore, withAnswerPoint } from '../crash/crash-points.ts';

/*
 * The witness with points at which it kills itself: `point-witness --data D --guard G --at POINT:COUNT`. Only tests start
 * it; the shipped command line has no such thing.
 */

async function main(): Promise<void> {
  const options = { data: { type: 'string' }, guard: { type: 'string' }, at: { type: 'string' } } as const;
  const { data = '', guard = '', at = '' } = parseArgs({ options }).values;
  const pass = passAt(at);
  const deps = await witnessOnFiles({ dir: { dataPath: data, guardPath: guard }, logRate: 0 });
  const witness = await Witness.start(withPoints(deps, pass));
  const app = withAnswerPoint(createWitnessApp({ witness }), pass);
  const server = await startServer(app, { hostname: '127.0.0.1', port: 0 });
  process.stdout.write(`${JSON.stringify({ url: `http://127.0.0.1:${server.port}` })}\n`);
  const stop = (): Promise<void> => server.close().then(() => witness.close());
  process.on('SIGTERM', () => void stop().then(() => process.exit(0)));
  await witness.failed;
  process.exit(70);
}

function withPoints(deps: WitnessDeps, pass: Pass): WitnessDeps {
  const { cosigner } = deps;
  const cosign: typeof cosigner.cosign = async (text, timeSec) => {
    pass('before-sign');
    const line = await cosigner.cosign(text, timeSec);
    pass('after-sign');
    return line;
  };
  return {
    ...deps,
    store: pointsInStore(deps.store, pass),
    cosigner: { ...cosigner, cosign },
    takeGuard: async (origin) => pointsInGuard(await deps.takeGuard(origin), pass),
  };
}

await main();
