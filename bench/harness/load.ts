import autocannon from 'autocannon';
import { cpuSeconds } from './process-stats.ts';
import type { Sample } from './sample.ts';
import { percentiles } from './statistics.ts';

/** Connecting and the first answers are left out of what is counted. */
const RAMP_SECONDS = 0.15;
/** How often autocannon looks whether it is over: by default only once a second. */
const TICK_MS = 50;
const TIMEOUT_SECONDS = 30;

/** What one request asks; made anew for each request. */
export interface Ask {
  readonly path: string;
  readonly body?: Buffer;
}

/** One load: so many connections, each with one request under way at any time. */
export interface Load {
  readonly url: string;
  /** The process whose processor time is noted. */
  readonly pid: number;
  readonly method: 'GET' | 'POST';
  readonly headers?: Readonly<Record<string, string>>;
  readonly connections: number;
  readonly ask: () => Ask;
  /** What one answer counts for: 1, or the entries of a batch. */
  readonly worth: number;
}

/**
 * Loads a server for so many seconds.
 * @throws Error when any request failed or was refused: a rate of refusals says nothing
 */
export async function load(plan: Load, seconds: number): Promise<Sample> {
  const timesMs: number[] = [];
  let answerBytes = 0;
  const before = { server: cpuSeconds(plan.pid), own: process.cpuUsage(), atMs: performance.now() };
  const fromMs = before.atMs + RAMP_SECONDS * 1_000;
  const untilMs = fromMs + seconds * 1_000;
  const result = await run(plan, { duration: RAMP_SECONDS + seconds }, (bytes, timeMs) => {
    const nowMs = performance.now();
    if (nowMs < fromMs || nowMs >= untilMs) return;
    timesMs.push(timeMs);
    answerBytes += bytes;
  });
  const wallSeconds = (performance.now() - before.atMs) / 1_000;
  checkAnswers(plan, result);
  if (timesMs.length === 0) throw new Error(`${plan.url}: no answer within ${seconds} s`);
  const { user, system } = process.cpuUsage(before.own);
  return {
    perSec: (timesMs.length * plan.worth) / seconds,
    count: timesMs.length,
    answerBytes,
    ...percentiles(timesMs),
    serverCores: (cpuSeconds(plan.pid) - before.server) / wallSeconds,
    loadCores: (user + system) / 1e6 / wallSeconds,
  };
}

/** Sends so many requests and resolves once all are answered. @throws Error when any was refused */
export async function loadAmount(plan: Load, amount: number): Promise<void> {
  const connections = Math.min(plan.connections, amount);
  checkAnswers(plan, await run({ ...plan, connections }, { amount }, () => {}));
}

function run(
  plan: Load,
  extent: { readonly duration: number } | { readonly amount: number },
  onAnswer: (bytes: number, timeMs: number) => void,
): Promise<autocannon.Result> {
  const request: autocannon.Request = {
    method: plan.method,
    headers: { ...plan.headers },
    setupRequest: (made) => ({ ...made, ...plan.ask() }),
  };
  const { url, connections } = plan;
  const common = { timeout: TIMEOUT_SECONDS, sampleInt: TICK_MS };
  return new Promise((resolve, reject) => {
    const setupClient = dropBodies;
    const options = { url, connections, setupClient, ...common, ...extent, requests: [request] };
    const running = autocannon(options, (error, result) => (error ? reject(error) : resolve(result)));
    running.on('response', (_client, _status, bytes, timeMs) => onAnswer(bytes, timeMs));
  });
}

/**
 * autocannon makes text of every body, which nobody reads here: for a tile of random bytes that takes three times as long
 * as all else it does, and the row would measure that.
 */
function dropBodies(client: autocannon.Client): void {
  const answers: unknown = Reflect.get(client, 'pipelinedRequests');
  if (typeof answers !== 'object' || answers === null)
    throw new TypeError('another autocannon than expected');
  Object.assign(answers, { addBody: () => {} });
}

function checkAnswers({ url }: Load, result: autocannon.Result): void {
  if (result.non2xx === 0 && result.errors === 0) return;
  const counts = `${result['2xx']} good answers, ${result.non2xx} others, ${result.errors} errors`;
  throw new Error(`${url}: ${counts}: ${JSON.stringify(result.statusCodeStats ?? {})}`);
}
