import { type Answer, boundedFetch, type Fetch } from '../client/bounded-fetch.ts';
import { refusalOf } from '../client/problem.ts';
import { utf8Decode, utf8Encode } from '../core/encoding/utf8.ts';
import { TlogError } from '../core/error.ts';
import { type AddCheckpoint, formatAddCheckpoint } from '../core/note/add-checkpoint.ts';
import { parseTreeSize, type TreeSize } from '../core/units.ts';
import { originHash } from '../witness/witness-record.ts';
import type { RequestBudget } from './request-budget.ts';

/** A hundred lines with room for the large signatures that are to come. */
const LINES_BYTES_MAX = 512 * 1024;

/** How witnesses are reached. */
export interface WitnessAccess {
  readonly fetch: Fetch;
  /** From a request to the last byte of its answer, in milliseconds. */
  readonly timeoutMs: number;
  readonly budget: RequestBudget;
}

/** What a witness says: signature lines, unverified, or the size that it goes on from. */
export type WitnessAnswer =
  | { readonly kind: 'cosigned'; readonly lines: string }
  | { readonly kind: 'stale'; readonly size: TreeSize };

/** Requests to one witness (c2sp.org/tlog-witness): bounded in bytes and time, no redirects. Nothing is verified. */
export class WitnessCalls {
  readonly #access: WitnessAccess;
  readonly #url: string;

  constructor(access: WitnessAccess, url: string) {
    this.#access = access;
    this.#url = url;
  }

  /** @throws TlogError unreachable, malformed_answer, or the code that the witness gave */
  async addCheckpoint(request: AddCheckpoint, signal: AbortSignal): Promise<WitnessAnswer> {
    const url = `${this.#url}/add-checkpoint`;
    const body = utf8Encode(formatAddCheckpoint(request));
    const answer = await this.#ask(url, { method: 'POST', body: new Uint8Array(body), signal });
    if (answer.status === 200) return { kind: 'cosigned', lines: textOf(url, answer) };
    if (answer.status === 409) return { kind: 'stale', size: sizeOf(url, answer) };
    throw refusalOf(url, answer);
  }

  /** The checkpoint that the witness shows as cosigned last; undefined when there is none. @throws as addCheckpoint */
  async held(origin: string, signal: AbortSignal): Promise<string | undefined> {
    const url = `${this.#url}/${originHash(origin)}/checkpoint`;
    const answer = await this.#ask(url, { signal });
    if (answer.status === 404) return undefined;
    if (answer.status === 200) return textOf(url, answer);
    throw refusalOf(url, answer);
  }

  #ask(url: string, init: RequestInit): Promise<Answer> {
    const { fetch, timeoutMs, budget } = this.#access;
    const limits = { bytesMax: LINES_BYTES_MAX, timeoutMs };
    return budget.run(this.#url, () => boundedFetch(fetch, url, init, limits));
  }
}

function textOf(url: string, { body }: Answer): string {
  const text = utf8Decode(body);
  if (text === undefined) throw new TlogError('malformed_answer', `${url} answered with something not UTF-8`);
  return text;
}

/** Of some witnesses neither the type nor the final LF is as it should be; the digits have one spelling. */
function sizeOf(url: string, answer: Answer): TreeSize {
  try {
    return parseTreeSize(textOf(url, answer).replace(/\n$/, ''));
  } catch (cause) {
    throw new TlogError('malformed_answer', `${url} answered 409 without its size`, { cause });
  }
}
