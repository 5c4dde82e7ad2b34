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
 * One log, with points at which its server kills itself: `point-server --data D --guard G --log NAME --at POINT:COUNT`. Only
 * tests start it; the shipped command line has no such thing.
 */

async function main(): Promise<void> {
  const text = { type: 'string' } as const;
  const options = { data: text, guard: text, log: text, at: text };
  const { data = '', guard = '', log: name = '', at = '' } = parseArgs({ options }).values;
  const pass = passAt(at);
  const deps = await logOnFiles({ dir: { dataPath: data, guardPath: guard }, clock: systemClock }, name);
  const log = await startLog(withCrashPoints(deps, pass));
  const tokens: TokenSource = async () =>
    JSON.parse(await readFile(join(data, 'tokens.json'), 'utf8')).tokens;
  const app = createApp({
    logs: { names: () => [name], get: async () => log },
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
