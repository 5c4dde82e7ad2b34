import { decodeBundle } from '../../src/core/tile/bundle.ts';
import type { AppendResult, SignedHead } from '../../src/sequencer/log.ts';
import { unsealValue } from '../../src/store/checked-store.ts';
import { bundleKey, edgeKey } from '../../src/store/rows.ts';
import type { Task } from './client.ts';
import type { Engine } from './engine.ts';
import { EventOracle } from './event-oracle.ts';
import { isTwin, leafHash } from './hasher.ts';
import { keyText } from './rows.ts';
import type { Server } from './server.ts';
import type { TreeModel } from './tree-model.ts';

/** A promise was broken. `rule` names the invariant. */
export class Violation extends Error {
  readonly rule: string;
  constructor(rule: string, what: string) {
    super(`${rule}: ${what}`);
    this.rule = rule;
  }
}

/** What it needs to know of the world that it watches. */
export interface Watched {
  readonly origin: string;
  readonly duplicates: 'key' | 'content' | 'off';
  /** It is a log of events. */
  readonly events: boolean;
  /** What the log's key signs a text with, as base64. */
  signatureOf(text: string): string;
  /** Largest size in the guard that a power cut would leave. */
  guardDurableSize(): number;
}

/** Sees everything that was ever signed, readable or answered, and remembers all of it. */
export class Oracle {
  readonly tree: TreeModel;
  readonly #watched: Watched;
  /** The right signature of every text that was signed: Ed25519 gives one for each. */
  readonly #signatures = new Map<string, string>();
  /** Roots signed, by history and size. */
  readonly #signed = new Map<string, string>();
  readonly notes: Map<number, string> = new Map();
  /** Heads as objects of one process: each is looked at once. */
  readonly #checked = new WeakSet<SignedHead>();
  readonly #ackedNew = new Set<number>();
  readonly acks: { readonly index: number; readonly hash: Buffer }[] = [];
  /** Indexes answered for an idempotency key. */
  readonly #keys = new Map<string, readonly number[]>();
  /** Rows of the duplicate index that damage took: a repeat may be new again. */
  readonly lostRows: Set<string> = new Set();
  /** In a log of events. */
  readonly events: EventOracle | undefined;
  publishedSize: number;

  constructor(watched: Watched, tree: TreeModel) {
    this.#watched = watched;
    this.events = watched.events ? new EventOracle(watched.origin, this.lostRows) : undefined;
    this.tree = tree;
    this.publishedSize = tree.size;
  }

  /** S1 and S8, for a text that a process has signed. */
  onSignature(server: Server, text: string, signature: string): void {
    this.#signatures.set(text, signature);
    if (server.process.doomed !== undefined)
      throw new Violation('S8', `${server.name} signed after ${server.process.doomed}`);
    const [, size = '', root = ''] = text.split('\n');
    if (Number(size) > (server.sizeMax ?? Number.POSITIVE_INFINITY))
      throw new Violation('S8', `${server.name} signed size ${size} after damage was found`);
    const name = `${server.engine?.lineage} ${size}`;
    const before = this.#signed.get(name);
    if (before !== undefined && before !== root)
      throw new Violation('S1', `two roots signed for size ${size}`);
    this.#signed.set(name, root);
  }

  /** S1 to S4 and S9, for a head that a process lets others read. */
  onHead(server: Server, head: SignedHead): void {
    if (this.#checked.has(head)) return;
    this.#checked.add(head);
    this.#checkNote(head);
    if (head.size > this.tree.size) this.#grow(server, head.size);
    const root = head.size === this.tree.size ? this.tree.root() : this.tree.rootAt(head.size);
    if (!root.equals(head.rootHash))
      throw new Violation('S1/S2', `another root is published for size ${head.size}`);
    if (this.#watched.guardDurableSize() < head.size)
      throw new Violation('S4', `size ${head.size} is readable and the guard does not have it`);
    const { engine } = server;
    // Data that somebody removed after they were durable are his affair.
    if (engine !== undefined && engine.disk.suspect !== 'removed' && engine.disk.durableSize() < head.size)
      throw new Violation('S4', `size ${head.size} is readable and not durable`);
    this.publishedSize = Math.max(this.publishedSize, head.size);
  }

  /** S6: what a log shows when it has started. */
  onStart(server: Server, head: SignedHead): void {
    if (head.size < server.sizeToShow)
      throw new Violation(
        'S6',
        `${server.name} starts with size ${head.size} after ${server.sizeToShow} was published`,
      );
    this.onHead(server, head);
  }

  #checkNote(head: SignedHead): void {
    const known = this.notes.get(head.size);
    if (known === head.note) return;
    if (known !== undefined) throw new Violation('S1', `two notes are readable for size ${head.size}`);
    const [text = '', line = ''] = head.note.split('\n\n');
    const signed = `${text}\n`;
    const root = Buffer.from(head.rootHash).toString('base64');
    if (signed !== `${this.#watched.origin}\n${head.size}\n${root}\n`)
      throw new Violation('S1', `the note of size ${head.size} says something else`);
    const signature = Buffer.from(line.trim().split(' ').at(-1) ?? '', 'base64').subarray(4);
    const expected = this.#signatures.get(signed) ?? this.#watched.signatureOf(signed);
    if (signature.toString('base64') !== expected)
      throw new Violation('S1', `the signature of size ${head.size} is not the key's`);
    this.notes.set(head.size, head.note);
  }

  #grow(server: Server, size: number): void {
    if (server.engine === undefined) throw new Violation('S4', 'a head without a database');
    const { disk, process } = server;
    for (const entry of entriesOf(server.engine, this.tree.size, size)) {
      this.events?.onLeaf(server, this.tree.size, entry, process.faulted || disk.suspect !== undefined);
      this.tree.push(Buffer.from(leafHash(entry)));
    }
  }

  /** S3, S5, S14 and S15, for an answer to a client. */
  onAck(server: Server, task: Task, result: AppendResult): void {
    this.onHead(server, result.head);
    if (this.events !== undefined) {
      this.events.onAck(server, task, result);
      for (const index of result.indexes) this.acks.push({ index, hash: this.tree.leaves[index] as Buffer });
      return;
    }
    const { indexes, isNew, leafHashes, head } = result;
    const { entries, leafHashes: own } = task;
    if (indexes.length !== entries.length || isNew.length !== entries.length)
      throw new Violation('S5', `${entries.length} entries, ${indexes.length} indexes`);
    own.forEach((hash, i) => {
      const index = indexes[i] as number;
      if (!hash.equals(leafHashes[i] as Uint8Array)) throw new Violation('S3', 'an answer for other bytes');
      if (!Number.isSafeInteger(index) || index < 0 || index >= head.size)
        throw new Violation('S15', `index ${index} in a tree of ${head.size}`);
      if (this.tree.leaves[index]?.equals(hash) !== true)
        throw new Violation('S3/S14', `index ${index} was answered for an entry that does not lie there`);
      this.#checkIssue(index, hash, isNew[i] === true);
      this.acks.push({ index, hash });
    });
    if (task.key !== undefined && this.#watched.duplicates === 'key') this.#checkKey(task, indexes, isNew);
  }

  #checkIssue(index: number, hash: Buffer, isNew: boolean): void {
    const { duplicates } = this.#watched;
    if (isNew && this.#ackedNew.has(index)) throw new Violation('S5', `index ${index} was given twice`);
    if (isNew) this.#ackedNew.add(index);
    else if (duplicates === 'off') throw new Violation('S5', `index ${index} is called old in mode off`);
    // The index of leaf hashes keeps 16 bytes: of two that begin alike it may forget one, never take it for the other.
    if (duplicates !== 'content' || isTwin(hash) || this.lostRows.has(`leaf ${hash.toString('hex', 0, 16)}`))
      return;
    const first = this.tree.firstIndex(hash);
    if (first !== index)
      throw new Violation('S14', `content that lies at ${first} was answered with ${index}`);
  }

  #checkKey(task: Task, indexes: readonly number[], isNew: readonly boolean[]): void {
    const name = task.keyName;
    const first = indexes[0] ?? 0;
    if (indexes.some((index, i) => index !== first + i)) throw new Violation('S5', 'a request was split');
    const before = this.#keys.get(name);
    this.#keys.set(name, indexes);
    if (before === undefined) return;
    if (this.lostRows.has(`retry ${task.keyDigest}`)) return;
    if (isNew.includes(true) || before[0] !== first || before.length !== indexes.length)
      throw new Violation('S5', `a retry was answered with ${first}, the first time with ${before[0]}`);
  }
}

/** Entries [start, end) as they are stored, without the process's help. */
function entriesOf(engine: Engine, start: number, end: number): Uint8Array[] {
  const entries: Uint8Array[] = [];
  for (let at = start; at < end; at = start + entries.length) {
    const record = read(engine, edgeKey(at));
    const bundle = record ?? read(engine, bundleKey(Math.floor(at / 256)))?.slice(at % 256);
    // A process that signs what it found at its start may have found records that begin earlier.
    const found = bundle ?? recordsFrom(engine, at);
    if (found.length === 0) throw new Violation('S4', `entry ${at} of a readable tree is not stored`);
    entries.push(...found.slice(0, end - at));
  }
  return entries;
}

/** Entries from an index to the end of the record that holds it. */
function recordsFrom(engine: Engine, index: number): Uint8Array[] {
  for (let start = index - 1; start >= Math.floor(index / 256) * 256; start -= 1) {
    const record = read(engine, edgeKey(start));
    if (record !== undefined) return record.slice(index - start);
  }
  return [];
}

function read(engine: Engine, key: Uint8Array): Uint8Array[] | undefined {
  const stored = engine.peek(keyText(key));
  if (stored === undefined) return undefined;
  try {
    return decodeBundle(unsealValue(key, stored));
  } catch {
    throw new Violation('S4', 'a row of a readable tree is spoiled');
  }
}
