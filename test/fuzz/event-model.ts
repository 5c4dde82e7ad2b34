import { createHash } from 'node:crypto';
import type { Sent } from './event-forms.ts';

/** An event that the log has taken. */
export interface TakenEvent {
  readonly id: string;
  readonly tenant: string | undefined;
  /** With schema and id, without verbatim bytes. */
  readonly event: Sent;
  /** Canonical text of what was sent, with its schema, bytes by digest and size. */
  readonly sent: string;
  readonly content: Buffer | undefined;
}

/** Where events must lie, or why they must be refused. */
export type Placed =
  | { readonly indexes: readonly number[]; readonly isNew: readonly boolean[] }
  | { readonly code: 'id_conflict'; readonly at: number; readonly index: number }
  | { readonly code: 'idempotency_key_reused' };

/** What a log of events must hold, and answer, by the words of EVENT-12 to EVENT-14 and apart from its code. */
export class EventModel {
  readonly events: TakenEvent[] = [];
  readonly #ids = new Map<string, number>();
  readonly #keys = new Map<string, { readonly sent: string; readonly indexes: readonly number[] }>();

  /** The index of an id. */
  find(id: string, tenant: string | undefined): number | undefined {
    return this.#ids.get(nameOf(id, tenant));
  }

  /** What must come of a request. */
  place(list: readonly Sent[], key: string | undefined): Placed {
    const first = key === undefined ? undefined : this.#keys.get(key);
    if (first === undefined) return this.#placeNew(list);
    if (first.sent !== sentTexts(list)) return { code: 'idempotency_key_reused' };
    return { indexes: first.indexes, isNew: first.indexes.map(() => false) };
  }

  #placeNew(list: readonly Sent[]): Placed {
    const own = new Map<string, number>();
    const fresh: string[] = [];
    const indexes: number[] = [];
    const isNew: boolean[] = [];
    for (const [at, event] of list.entries()) {
      const { id, tenant } = event as { id?: string; tenant?: string };
      const [name, sent] = [id === undefined ? `none ${at}` : nameOf(id, tenant), sentText(event)];
      const earlier = own.get(name) ?? this.#ids.get(name);
      const index = earlier ?? this.events.length + fresh.length;
      const known = this.events[index]?.sent ?? fresh[index - this.events.length];
      if (earlier !== undefined && known !== sent) return { code: 'id_conflict', at, index };
      indexes.push(index);
      isNew.push(earlier === undefined);
      if (earlier !== undefined) continue;
      own.set(name, index);
      fresh.push(sent);
    }
    return { indexes, isNew };
  }

  /** Keeps what was taken. @param ids those of the answer @returns indexes of what is new */
  take(
    list: readonly Sent[],
    { key, indexes, isNew }: { readonly key: string | undefined } & Extract<Placed, { indexes: unknown }>,
    ids: readonly string[],
  ): readonly number[] {
    for (const [i, sent] of list.entries()) if (isNew[i] === true) this.#add(sent, ids[i] ?? '');
    if (key !== undefined && !this.#keys.has(key)) this.#keys.set(key, { sent: sentTexts(list), indexes });
    return indexes.filter((_, i) => isNew[i] === true);
  }

  #add(sent: Sent, id: string): void {
    const event = { schema: 'audit-event/1', ...withoutContent(sent), id };
    const tenant = sent['tenant'] as string | undefined;
    const [sentAs, content] = [sentText(sent), contentOf(sent)];
    this.#ids.set(nameOf(id, tenant), this.events.length);
    this.events.push({ id, tenant, event, sent: sentAs, content });
  }
}

/** The bytes that were sent along with an event. */
function contentOf(sent: Sent): Buffer | undefined {
  const raw = sent['raw'] as { content?: string } | undefined;
  return raw?.content === undefined ? undefined : Buffer.from(raw.content, 'base64');
}

/** The one text of a value of JSON (RFC 8785), where numbers are whole. */
export function canonical(value: unknown): string {
  if (typeof value !== 'object' || value === null) return JSON.stringify(value);
  if (Array.isArray(value)) return `[${value.map(canonical)}]`;
  const members = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
  return `{${members.map(([name, inner]) => `${JSON.stringify(name)}:${canonical(inner)}`)}}`;
}

function nameOf(id: string, tenant: string | undefined): string {
  return JSON.stringify([id, tenant ?? null]);
}

/** The same with a description of the bytes in their place: what tells a repeat. */
export function withoutContent(sent: Sent): Sent {
  const content = contentOf(sent);
  if (content === undefined) return sent;
  const { content: _, ...raw } = sent['raw'] as Sent;
  const sha256 = createHash('sha256').update(content).digest('base64');
  return { ...sent, raw: { ...raw, sha256, size: content.length } };
}

function sentText(sent: Sent): string {
  return canonical({ schema: 'audit-event/1', ...withoutContent(sent) });
}

function sentTexts(list: readonly Sent[]): string {
  return list.map(sentText).join('\n');
}
