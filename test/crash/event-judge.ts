import { isDeepStrictEqual } from 'node:util';
import { readDisclosure, verifyDisclosure } from '../../src/core/event/disclosure.ts';
import { parseDisclosure } from '../../src/core/event/disclosure-file.ts';
import { nodeEventHasher } from '../../src/runtime/event-hasher.ts';
import type { AckedEvent } from './event-load.ts';
import type { LogIdentity } from './load.ts';
import { readAnswer } from './read-answer.ts';

/** Of what was compared before, and of what nobody was told of, so many are looked at again after each restart. */
const AGAIN = 20;
const AT_A_TIME = 16;
const WITHHELD = ['source', 'actor,reason', 'actor,source,raw'];

/** Reads every event that was answered, as its client would, and verifies what is shown of it. */
export class EventJudge {
  readonly #identity: LogIdentity;
  readonly #acked: readonly AckedEvent[];
  #compared = 0;

  constructor(identity: LogIdentity, acked: readonly AckedEvent[]) {
    this.#identity = identity;
    this.#acked = acked;
  }

  /** What was promised of events and is not so, in a log of `size` leaves. */
  async judge(logUrl: string, size: number, everything: boolean): Promise<readonly string[]> {
    const fresh = Math.min(this.#compared, this.#acked.length) - AGAIN;
    const wrong: string[] = [];
    for (let at = everything ? 0 : Math.max(0, fresh); at < this.#acked.length; at += AT_A_TIME) {
      const some = this.#acked.slice(at, at + AT_A_TIME);
      // What is shown of an event is verified at the first restart after its answer.
      const found = some.map((acked) => this.#compare(logUrl, acked, at + AT_A_TIME > fresh));
      wrong.push(...(await Promise.all(found)).flat());
    }
    this.#compared = this.#acked.length;
    wrong.push(...(await this.#readEdge(logUrl, size)));
    return wrong;
  }

  async #compare(
    logUrl: string,
    { id, index, text }: AckedEvent,
    verifies: boolean,
  ): Promise<readonly string[]> {
    const answer = await this.#get(`${logUrl}/events/${id}`);
    if (answer.status !== 200) return [`event ${id} at ${index}: ${answer.status} ${answer.text}`];
    const { index: found, event } = JSON.parse(answer.text);
    const { raw: sentRaw, ...sent } = JSON.parse(text);
    const { raw, ...rest } = event;
    if (found !== index) return [`event ${id} was at ${index} and is at ${found}`];
    if (!isDeepStrictEqual(rest, sent)) return [`event ${id} is another: ${answer.text}`];
    const isWhole = sentRaw === undefined || (await this.#hasRaw(logUrl, id, sentRaw.content));
    return [
      ...(isWhole && (raw === undefined) === (sentRaw === undefined) ? [] : [`event ${id} lacks its record`]),
      ...(verifies ? await this.#verify(logUrl, index) : []),
    ];
  }

  async #hasRaw(logUrl: string, id: string, content: string): Promise<boolean> {
    const { body } = await readAnswer(`${logUrl}/events/${id}/raw`, this.#headers());
    return body.toString('base64') === content;
  }

  /** Whole, and with slots withheld: by the client's verifier. */
  async #verify(logUrl: string, index: number): Promise<readonly string[]> {
    const withheld = ['', WITHHELD[index % WITHHELD.length] ?? ''];
    const wrong: string[] = [];
    for (const names of withheld) {
      const { text } = await this.#get(`${logUrl}/events/${index}?withhold=${names}`);
      try {
        const file = parseDisclosure(text);
        await verifyDisclosure(nodeEventHasher, file, this.#identity);
        const { states } = readDisclosure(file.disclosure);
        const isHidden = names
          .split(',')
          .every((name) => name === '' || states[name as 'actor'] === 'withheld');
        if (!isHidden) wrong.push(`event ${index} shows what ${names} withholds`);
      } catch (error) {
        wrong.push(`the disclosure of event ${index} without "${names}": ${String(error)}`);
      }
    }
    return wrong;
  }

  /** The last leaves, of which somebody may have heard nothing, are readable too, and nothing beyond them. */
  async #readEdge(logUrl: string, size: number): Promise<readonly string[]> {
    const wrong: string[] = [];
    for (let index = Math.max(0, size - AGAIN); index < size; index += 1)
      wrong.push(...(await this.#verify(logUrl, index)));
    const { status, text } = await this.#get(`${logUrl}/events/${size}`);
    if (status !== 404) wrong.push(`event ${size} is read in a log of ${size}: ${text}`);
    return wrong;
  }

  async #get(url: string): Promise<{ status: number; text: string }> {
    const { status, body } = await readAnswer(url, this.#headers());
    return { status, text: body.toString() };
  }

  #headers(): { authorization: string } {
    return { authorization: `Bearer ${this.#identity.token}` };
  }
}
