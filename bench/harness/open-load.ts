import { Agent, request } from 'node:http';
import type { Load } from './load.ts';
import { cpuSeconds } from './process-stats.ts';
import type { Sample } from './sample.ts';
import { percentiles } from './statistics.ts';

const SOCKETS_MAX = 512;

/**
 * Sends requests at a set rate, whether or not earlier ones were answered. A time runs from the moment when the
 * request was due, so that a server that stalls is charged for all that had to wait: no coordinated omission.
 * Requests are due at random moments (a Poisson process). `random` gives numbers in [0, 1).
 * @throws Error when a request fails or is refused
 */
export async function openLoad(
  plan: Load,
  at: { readonly perSec: number; readonly seconds: number; readonly random: () => number },
): Promise<Sample> {
  const agent = new Agent({ keepAlive: true, maxSockets: SOCKETS_MAX });
  const before = { server: cpuSeconds(plan.pid), own: process.cpuUsage(), atMs: performance.now() };
  const timesMs: number[] = [];
  let answerBytes = 0;
  const one = async (dueMs: number): Promise<void> => {
    answerBytes += await send(plan, agent);
    timesMs.push(performance.now() - dueMs);
  };
  try {
    await dueInTurn(dueTimes(before.atMs, at), one);
  } finally {
    agent.destroy();
  }
  const wallSeconds = (performance.now() - before.atMs) / 1_000;
  const { user, system } = process.cpuUsage(before.own);
  return {
    perSec: timesMs.length / wallSeconds,
    count: timesMs.length,
    answerBytes,
    ...percentiles(timesMs),
    serverCores: (cpuSeconds(plan.pid) - before.server) / wallSeconds,
    loadCores: (user + system) / 1e6 / wallSeconds,
  };
}

/** Moments of a Poisson process, ascending, in milliseconds. */
export function dueTimes(
  startMs: number,
  at: { readonly perSec: number; readonly seconds: number; readonly random: () => number },
): number[] {
  const times: number[] = [];
  const endMs = startMs + at.seconds * 1_000;
  const next = (fromMs: number): number => fromMs - (Math.log(1 - at.random()) * 1_000) / at.perSec;
  for (let dueMs = next(startMs); dueMs < endMs; dueMs = next(dueMs)) times.push(dueMs);
  return times;
}

/** Starts each at its moment, or as soon after it as the timer allows; resolves when all have ended. */
async function dueInTurn(times: readonly number[], one: (dueMs: number) => Promise<void>): Promise<void> {
  const all: Promise<void>[] = [];
  for (let i = 0; i < times.length; ) {
    const nowMs = performance.now();
    for (let dueMs = times[i]; dueMs !== undefined && dueMs <= nowMs; dueMs = times[i]) {
      all.push(one(dueMs));
      i += 1;
    }
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
  await Promise.all(all);
}

/** One request; resolves with the bytes of the answer's body. */
function send(plan: Load, agent: Agent): Promise<number> {
  const { path, body } = plan.ask();
  const headers = { ...plan.headers, 'Content-Length': `${body?.length ?? 0}` };
  return new Promise((resolve, reject) => {
    const sent = request(new URL(path, plan.url), { agent, method: plan.method, headers }, (answer) => {
      let bytes = 0;
      answer.on('data', (chunk: Buffer) => {
        bytes += chunk.length;
      });
      answer.once('error', reject);
      answer.once('end', () => {
        const status = answer.statusCode ?? 0;
        if (status < 200 || status > 299) reject(new Error(`${plan.url}${path}: ${status}`));
        else resolve(bytes);
      });
    });
    sent.once('error', reject);
    sent.end(body);
  });
}
