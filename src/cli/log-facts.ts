import type { LogManifest } from '../sequencer/manifest.ts';

/** What clients need of a log, as JSON shows it. */
export type LogFacts = Pick<LogManifest, 'name' | 'kind' | 'origin' | 'vkey'>;

export function factsOf({ name, kind, origin, vkey }: LogManifest): LogFacts {
  return { name, kind, origin, vkey };
}

/** The same for people: one fact a line. */
export function linesOf(log: LogManifest): string {
  return Object.entries({ log: log.name, kind: log.kind, origin: log.origin, vkey: log.vkey })
    .map(([fact, value]) => `${fact}\t${value}\n`)
    .join('');
}
