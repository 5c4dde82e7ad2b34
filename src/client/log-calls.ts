import { parseShallowJson } from '../core/encoding/json.ts';
import { utf8Decode } from '../core/encoding/utf8.ts';
import { TlogError } from '../core/error.ts';
import { type Answer, boundedFetch, type Fetch } from './bounded-fetch.ts';
import { refusalOf } from './problem.ts';
import { askWithRetries, type RetryDeps } from './retry.ts';

/** How one log is reached. */
export interface LogAccess {
  /** Address of the log: what `/checkpoint` is put behind. */
  readonly logUrl: string;
  readonly token: string | undefined;
  /** The form in which answers with members are asked for. */
  readonly encoding: 'json' | 'cbor';
  readonly fetch: Fetch;
  readonly retry: RetryDeps;
  /** From each try to the last byte of its answer. */
  readonly timeoutMs: number;
  /** Number of tries of one call. */
  readonly triesMax: number;
}

/** One request below the address of the log. */
export interface LogCall {
  readonly path: string;
  /** Longest answer. */
  readonly bytesMax: number;
  readonly method?: 'GET' | 'POST';
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: Uint8Array;
  /** Fewer tries than usual. */
  readonly triesMax?: number;
  readonly signal?: AbortSignal | undefined;
}

/** Requests to one log: bounded, tried again, refusals as errors. Nothing of an answer is verified. */
export class LogCalls {
  readonly #access: LogAccess;

  constructor(access: LogAccess) {
    this.#access = access;
  }

  /** Address of a path of the log. */
  urlOf(path: string): string {
    return `${this.#access.logUrl}/${path}`;
  }

  /** A 2xx answer. @throws TlogError unreachable, malformed_answer, or the code that the server gave */
  async ask(call: LogCall): Promise<Answer> {
    const { fetch, retry, timeoutMs, triesMax, token } = this.#access;
    const { path, bytesMax, signal, method = 'GET', body } = call;
    const url = this.urlOf(path);
    const init: RequestInit = {
      method,
      headers: { ...call.headers, ...(token === undefined ? {} : { Authorization: `Bearer ${token}` }) },
      ...(body === undefined ? {} : { body: new Uint8Array(body) }),
      ...(signal === undefined ? {} : { signal }),
    };
    const answer = await askWithRetries(
      retry,
      () => boundedFetch(fetch, url, init, { bytesMax, timeoutMs }),
      {
        triesMax: Math.min(triesMax, call.triesMax ?? triesMax),
        ...(signal === undefined ? {} : { signal }),
      },
    );
    if (answer.status < 200 || answer.status > 299) throw refusalOf(url, answer);
    return answer;
  }

  /** The body of a 2xx answer; undefined when the server says that there is no such thing. @throws as `ask` */
  async find(call: LogCall): Promise<Uint8Array | undefined> {
    try {
      return (await this.ask(call)).body;
    } catch (error) {
      if (error instanceof TlogError && error.kind === 'absent') return undefined;
      throw error;
    }
  }

  /** The members of a 2xx answer, and the bytes they came in: JSON, or CBOR where asked for. @throws as `ask` */
  async askFields(call: LogCall): Promise<FieldsAnswer> {
    const { encoding } = this.#access;
    const headers = { Accept: `application/${encoding}`, ...call.headers };
    const { status, body, headers: answered } = await this.ask({ ...call, headers });
    const isCbor = encoding === 'cbor' && isCborType(answered.get('content-type'));
    try {
      const fields: unknown = isCbor ? await fromCbor(body) : parseShallowJson(utf8Decode(body) ?? '');
      return { status, fields, body };
    } catch (cause) {
      const message = `${this.urlOf(call.path)} answered with something that is no ${isCbor ? 'CBOR' : 'JSON'}`;
      throw new TlogError('malformed_answer', message, { cause });
    }
  }
}

/** Nothing of `fields` is checked. */
export interface FieldsAnswer {
  readonly status: number;
  readonly fields: unknown;
  readonly body: Uint8Array;
}

function isCborType(type: string | null): boolean {
  return type?.split(';')[0]?.trim().toLowerCase() === 'application/cbor';
}

/** Loaded when first needed: a page that asks for JSON does not carry it. */
async function fromCbor(body: Uint8Array): Promise<unknown> {
  const { decodeCbor } = await import('../core/encoding/cbor.ts');
  return decodeCbor(body);
}
