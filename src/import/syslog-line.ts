import type { JsonObject } from '../core/encoding/strict-json.ts';
import { unmappable } from './refusal.ts';
import { utcTime, type Zone } from './time.ts';

/** A line of a system log, taken apart. */
export interface SyslogLine {
  /** RFC 3339 in UTC. */
  readonly time: string;
  readonly host: string;
  /** The program; undefined where the line names none. */
  readonly app: string | undefined;
  readonly pid: string | undefined;
  readonly message: string;
  /** Facility times eight plus severity. */
  readonly priority: number | undefined;
  /** Of RFC 5424. */
  readonly messageId: string | undefined;
  /** Structured data of RFC 5424: elements by their names, each the values of its parameters by theirs. */
  readonly structured: JsonObject | undefined;
}

/** What lines leave out. */
export interface LineContext {
  /** The year of the first line that has none. */
  readonly year: number | undefined;
  readonly zone: Zone | undefined;
}

const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];
/** RFC 5424, as it is sent. */
const NEW = /^<([0-9]{1,3})>1 (\S+) (\S+) (\S+) (\S+) (\S+) (.*)$/s;
/** RFC 3164, as it is sent and as files have it. */
const OLD = /^(?:<([0-9]{1,3})>)?([A-Z][a-z]{2}) {1,2}([0-9]{1,2}) ([0-9:]{8}(?:\.[0-9]+)?) (\S+) (.*)$/s;
/** The same with a whole time, as newer programs write it. */
const DATED = /^(?:<([0-9]{1,3})>)?([0-9]{4}-\S+) (\S+) (.*)$/s;
const TAGGED = /^([^\s:[\]]+)(?:\[([^\]]*)\])?: ?(.*)$/s;

/**
 * Takes lines apart, in their order: where they have no year, it is that of `context` until December is followed by January.
 * Bytes that are no UTF-8 are shown as U+FFFD.
 */
export class SyslogReader {
  readonly #zone: Zone | undefined;
  /** Those of the line before. */
  #year: number | undefined;
  #month: number | undefined;

  constructor({ year, zone }: LineContext) {
    this.#year = year;
    this.#zone = zone;
  }

  /** @throws TlogError unmappable_record */
  read(record: Uint8Array): SyslogLine {
    const line = new TextDecoder().decode(record).replace(/\r$/, '');
    const fresh = NEW.exec(line);
    if (fresh !== null) return this.#newLine(fresh);
    const old = OLD.exec(line);
    if (old !== null) {
      const [, priority, month = '', day = '', clock = '', host = '', content = ''] = old;
      return { ...tagged(priority, content), host, time: this.#timeOf(month, day, clock) };
    }
    const [, priority, time, host = '', content = ''] = DATED.exec(line) ?? [];
    if (time === undefined) throw unmappable('is no line of a system log');
    return { ...tagged(priority, content), host, time: utcTime(time, this.#zone) };
  }

  #newLine([
    ,
    priority,
    time = '',
    host = '',
    app,
    pid,
    messageId,
    content = '',
  ]: RegExpExecArray): SyslogLine {
    if (time === '-') throw unmappable('has no time');
    const { structured, message } = structuredOf(content);
    return {
      ...{
        time: utcTime(time, this.#zone),
        host,
        app: said(app),
        pid: said(pid),
        messageId: said(messageId),
      },
      ...{ priority: Number(priority), structured, message },
    };
  }

  #timeOf(monthName: string, day: string, clock: string): string {
    const month = MONTHS.indexOf(monthName);
    if (month < 0) throw unmappable(`has a month that is none: ${monthName}`);
    if (this.#year === undefined) throw unmappable('has a time without its year', 'year');
    const year = this.#yearOf(month);
    const date = [String(year).padStart(4, '0'), String(month + 1).padStart(2, '0'), day.padStart(2, '0')];
    const time = utcTime(`${date.join('-')}T${clock}`, this.#zone);
    [this.#year, this.#month] = [year, month];
    return time;
  }

  /** Lines are not quite in order: a year begins or ends where the month leaps by more than half of one. */
  #yearOf(month: number): number {
    const year = this.#year ?? 0;
    const before = this.#month ?? month;
    if (month < before - 6) return year + 1;
    return month > before + 6 ? year - 1 : year;
  }
}

function tagged(priority: string | undefined, content: string): Omit<SyslogLine, 'time' | 'host'> {
  const [, app, pid, message] = TAGGED.exec(content) ?? [];
  const common = {
    priority: priority === undefined ? undefined : Number(priority),
    messageId: undefined,
    structured: undefined,
  };
  return { ...common, app, pid, message: message ?? content };
}

function said(text: string | undefined): string | undefined {
  return text === '-' ? undefined : text;
}

/** Longest content in which structured data are looked for: more is a message of kilobytes, or no syslog. */
const STRUCTURED_LENGTH_MAX = 65_536;
const ELEMENT = /\[([^\s\]="]+)((?: [^\s\]="]+="(?:[^"\\\]]|\\.)*")*)\]/sy;
const PARAMETER = / ([^\s\]="]+)="((?:[^"\\\]]|\\.)*)"/gs;

/** Structured data and what follows them. */
function structuredOf(content: string): { structured: JsonObject | undefined; message: string } {
  if (content === '-' || content.startsWith('- '))
    return { structured: undefined, message: content.slice(2) };
  if (content.length > STRUCTURED_LENGTH_MAX)
    throw unmappable(`has structured data and a message of more than ${STRUCTURED_LENGTH_MAX} characters`);
  const elements: [string, JsonObject][] = [];
  ELEMENT.lastIndex = 0;
  let end = 0;
  for (let found = ELEMENT.exec(content); found !== null; found = ELEMENT.exec(content)) {
    elements.push([found[1] ?? '', parametersOf(found[2] ?? '')]);
    end = ELEMENT.lastIndex;
  }
  const names = new Set(elements.map(([name]) => name));
  const isEnd = end === content.length || content[end] === ' ';
  if (elements.length === 0 || names.size < elements.length || !isEnd)
    throw unmappable('has structured data that are none of RFC 5424');
  return { structured: Object.fromEntries(elements), message: content.slice(end + 1) };
}

/** A parameter that is there more than once has a list for a value. */
function parametersOf(text: string): JsonObject {
  const values = new Map<string, string[]>();
  for (const [, name = '', value = ''] of text.matchAll(PARAMETER))
    values.set(name, [...(values.get(name) ?? []), value.replaceAll(/\\(["\\\]])/g, '$1')]);
  return Object.fromEntries(
    [...values].map(([name, [first = '', ...more]]) => [name, more.length === 0 ? first : [first, ...more]]),
  );
}
