import type { Policy } from '../core/note/policy.ts';
import type { PolicyCheckpoint } from '../core/note/policy-checkpoint.ts';

/** What was checked, each apart: a name and its state. */
export type Lights = Readonly<Record<string, string>>;

/** What a head says beside its signature: who else has signed it, and when. */
export function headLights({ freshnessSec }: PolicyCheckpoint, { quorum }: Policy): Lights {
  return {
    witnesses: quorum === undefined ? 'not checked' : 'verified',
    freshness: freshnessSec === undefined ? 'not provable' : isoTime(freshnessSec * 1_000),
  };
}

/** One line each. */
export function linesOf(lights: Lights): string {
  return Object.entries(lights)
    .map(([light, state]) => `  ${light.padEnd(10)} ${state}\n`)
    .join('');
}

/** A time of milliseconds since 1970, which a signer chose: calendars end before the numbers do. */
export function isoTime(ms: number): string {
  const time = new Date(ms);
  return Number.isNaN(time.getTime()) ? `${ms} ms after 1970` : time.toISOString();
}
