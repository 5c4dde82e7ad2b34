import type { Context } from 'hono';
import type { ScrubStatus } from '../scrub/scrubber.ts';
import type { Log } from '../sequencer/log.ts';

/** How far scrubbing of a log is; undefined where nobody does. */
export type ScrubSource = (log: string) => ScrubStatus | undefined;

/** GET audit: what the server has found of its own stored bytes, and how far re-reading them is. */
export function audit(c: Context, log: Log, scrub: ScrubStatus | undefined): Response {
  const { head, findings, moreFindings, withheldSorts } = log;
  const body = {
    log: log.name,
    treeSize: head.size,
    signs: findings.length + moreFindings === 0,
    findings,
    ...(moreFindings === 0 ? {} : { moreFindings, withheldSorts }),
    ...(scrub === undefined ? {} : { scrub: scrubOf(scrub) }),
  };
  return c.json(body, 200, { 'Cache-Control': 'no-cache' });
}

function scrubOf({ periodMs, pass, lastPass }: ScrubStatus): Record<string, unknown> {
  return {
    periodSec: periodMs / 1000,
    ...(pass === undefined ? {} : { pass: passOf(pass) }),
    ...(lastPass === undefined ? {} : { lastPass: lastPassOf(lastPass) }),
  };
}

function passOf(pass: NonNullable<ScrubStatus['pass']>): Record<string, unknown> {
  const { startedAtMs, treeSize, phase, next, progress, entriesChecked, rowsChecked, findings } = pass;
  const position = { phase, next, progress };
  const counts = { entriesChecked, rowsChecked, findings, ...unavailableOf(pass) };
  return { startedAt: timeOf(startedAtMs), treeSize, ...position, ...counts };
}

function lastPassOf(pass: NonNullable<ScrubStatus['lastPass']>): Record<string, unknown> {
  const { startedAtMs, finishedAtMs, treeSize, entriesChecked, rowsChecked, findings } = pass;
  const times = { startedAt: timeOf(startedAtMs), finishedAt: timeOf(finishedAtMs) };
  const result = findings === 0 ? 'clean' : 'damaged';
  return { ...times, treeSize, entriesChecked, rowsChecked, findings, ...unavailableOf(pass), result };
}

/** Events without a secret, where there are such. */
function unavailableOf({ eventsUnavailable }: { readonly eventsUnavailable?: number }): object {
  return eventsUnavailable === undefined ? {} : { eventsUnavailable };
}

function timeOf(ms: number): string {
  return new Date(ms).toISOString();
}
