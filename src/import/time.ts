import { unmappable } from './refusal.ts';

/** How far local time is ahead of UTC, in milliseconds; `localMs` is a local time read as if it were UTC. */
export type Zone = (localMs: number) => number;

const OFFSET = /^([+-])([0-9]{2}):?([0-9]{2})$/;
const MINUTE_MS = 60_000;
const DAY_MS = 86_400_000;

/**
 * The zone of `Z`, `UTC`, an offset such as `+02:00` or a name such as `Europe/Berlin`; undefined for anything else. Of a local
 * time that clocks show twice the first is meant, one that they skip is read as by the clock before it.
 */
export function zoneOf(name: string): Zone | undefined {
  if (/^(?:z|utc)$/i.test(name)) return () => 0;
  const offset = OFFSET.exec(name);
  if (offset === null) return namedZone(name);
  const [, sign, hours, minutes] = offset;
  if (Number(hours) > 23 || Number(minutes) > 59) return undefined;
  const offsetMs = (Number(hours) * 60 + Number(minutes)) * MINUTE_MS * (sign === '-' ? -1 : 1);
  return () => offsetMs;
}

function namedZone(timeZone: string): Zone | undefined {
  let clock: Intl.DateTimeFormat;
  try {
    const digits = { year: 'numeric', month: 'numeric', day: 'numeric', hour: 'numeric' } as const;
    const fields = { ...digits, minute: 'numeric', second: 'numeric', hourCycle: 'h23' } as const;
    clock = new Intl.DateTimeFormat('en-US', { timeZone, calendar: 'iso8601', ...fields });
  } catch {
    return undefined; // RangeError, for a name that is none
  }
  const offsetAt = (utcMs: number): number => localMsAt(clock, utcMs) - Math.floor(utcMs / 1_000) * 1_000;
  return (localMs) => {
    const before = offsetAt(localMs - DAY_MS);
    const after = offsetAt(localMs + DAY_MS);
    return [before, after].find((offset) => offsetAt(localMs - offset) === offset) ?? before;
  };
}

function localMsAt(clock: Intl.DateTimeFormat, utcMs: number): number {
  const parts = new Map(clock.formatToParts(utcMs).map(({ type, value }) => [type, Number(value)]));
  const part = (name: Intl.DateTimeFormatPartTypes): number => parts.get(name) ?? 0;
  return Date.UTC(part('year'), part('month') - 1, part('day'), part('hour'), part('minute'), part('second'));
}

const TIME =
  /^([0-9]{4}-[0-9]{2}-[0-9]{2})[Tt ]([0-9]{2}:[0-9]{2}:[0-9]{2})(?:[.,]([0-9]{1,9})[0-9]*)? ?([Zz]|[+-][0-9]{2}:?[0-9]{2})?$/;

/** The same of records whose times say their zone: no option would help one that does not. @throws TlogError unmappable_record */
export function ownTime(text: string): string {
  return utcTime(text, () => {
    throw unmappable(`has a time without its zone: ${text}`);
  });
}

/**
 * The time of an event from one of RFC 3339, or from such a time without an offset, which is local time of `zone`. Digits behind
 * the ninth of a second go.
 * @throws TlogError unmappable_record for what is no time, and where a zone is needed
 */
export function utcTime(text: string, zone: Zone | undefined): string {
  const [, date, clock, fraction, offset] = TIME.exec(text) ?? [];
  const local = `${date}T${clock}`;
  const localMs = Date.parse(`${local}Z`);
  // Engines take the 30th of February for a day in March.
  if (Number.isNaN(localMs) || !new Date(localMs).toISOString().startsWith(local))
    throw unmappable(`has a time that is none: ${text.slice(0, 100)}`);
  const given = offset === undefined ? zone : zoneOf(offset);
  if (given === undefined) throw unmappable(`has a time without its zone: ${text}`, 'timezone');
  const utc = new Date(localMs - given(localMs)).toISOString().slice(0, -5);
  return `${utc}${fraction === undefined ? '' : `.${fraction}`}Z`;
}
