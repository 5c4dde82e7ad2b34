import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { createApp } from '../../src/http/app.ts';
import { startServer } from '../../src/http/server.ts';
import type { TokenSource } from '../../src/http/tokens.ts';
import { systemClock } from '../../src/runtime/clock.ts';
import { logOnFiles } from '../../src/sequencer/open-log.ts';
import { startLog } from '../../src/sequencer/start-log.ts';
import { passAt, withAnswerPoint, withCrashPoints } from './crash-points.ts';

/*
 * The log server with points at which it kills itself: `point-server --data D --guard G --at POINT:COUNT`. Only
 * tests start it; the shipped command line has no such thing.
 */

async function main(): Promise<void> {
  const options = { data: { type: 'string' }, guard: { type: 'string' }, at: { type: 'string' } } as const;
  const { data = '', guard = '', at = '' } = parseArgs({ options }).values;
  const pass = passAt(at);
  const deps = await logOnFiles({ dir: { dataPath: data, guardPath: guard }, clock: systemClock }, 'main');
  const log = await startLog(withCrashPoints(deps, pass));
  const tokens: TokenSource = async () =>
    JSON.parse(await readFile(join(data, 'tokens.json'), 'utf8')).tokens;
  const app = createApp({
    logs: { names: () => ['main'], get: async () => log },
    tokens,
    clock: systemClock,
  });
  const server = await startServer(withAnswerPoint(app, pass), { hostname: '127.0.0.1', port: 0 });
  process.stdout.write(`${JSON.stringify({ url: `http://127.0.0.1:${server.port}` })}\n`);
  process.on('SIGTERM', () => void server.close().then(() => log.close()));
  await log.failed;
  process.exit(70);
}

await main();
