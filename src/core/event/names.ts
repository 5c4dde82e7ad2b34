/** Paths below `events/` that are not ids. */
const RESERVED: readonly string[] = ['.', '..', 'stats', 'tail', 'evidence'];

/** Whether a text can name an event in a URL: a segment of digits alone is an index there, and some are routes. */
export function isEventId(value: string): boolean {
  return /^[A-Za-z0-9._~:@-]{1,200}$/.test(value) && !/^[0-9]+$/.test(value) && !RESERVED.includes(value);
}

const TIME = /^([0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2})(?:\.[0-9]{1,9})?Z$/;

/** Whether a text is a moment of the calendar, in UTC; there is no 60th second, which calendars do not count. */
export function isEventTime(value: string): boolean {
  const seconds = TIME.exec(value)?.[1];
  if (seconds === undefined) return false;
  const ms = Date.parse(`${seconds}Z`);
  // Engines take the 30th of February for a day in March.
  return !Number.isNaN(ms) && new Date(ms).toISOString().startsWith(seconds);
}
