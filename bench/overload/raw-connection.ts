import { connect, type Socket } from 'node:net';

const HEAD_END = '\r\n\r\n';
/** What is kept of a body: enough for an index or a code. */
const KEPT_BYTES = 512;

/** An answer, and when its first and last byte came. */
export interface RawAnswer {
  readonly status: number;
  readonly head: string;
  /** The beginning of the body. */
  readonly text: string;
  readonly bytes: number;
  readonly firstMs: number;
  readonly endMs: number;
}

/** Called once for each request; undefined when the connection ended before the answer did. */
export type OnAnswer = (answer: RawAnswer | undefined) => void;

/**
 * One connection over which one request at a time goes, as bytes that are made before: node's client costs as much
 * as a server, which would have to share its processors with it.
 */
export class RawConnection {
  readonly #socket: Socket;
  #onAnswer: OnAnswer | undefined;
  #head = '';
  #text = '';
  #status = 0;
  #left = -1;
  #bytes = 0;
  #firstMs = 0;
  /** Resolves once it is connected, or closed. */
  readonly connected: Promise<void>;
  /** When it was connected; undefined before. */
  connectedMs: number | undefined;
  /** When it was connected or its last answer came. */
  idleSinceMs: number = performance.now();
  isOpen = true;

  constructor(port: number, host: string, onClose: () => void) {
    this.#socket = connect({ port, host, noDelay: true });
    this.connected = new Promise((resolve) => {
      this.#socket.on('close', resolve).on('connect', () => {
        this.connectedMs = performance.now();
        resolve();
      });
    });
    this.#socket.on('data', (chunk) => this.#take(chunk));
    this.#socket.on('error', () => this.#socket.destroy());
    this.#socket.on('close', () => {
      this.isOpen = false;
      onClose();
      this.#finish(undefined);
    });
  }

  /** Sends a request; `head` holds its first bytes, the first ones of the body too. */
  send(head: string, rest: Uint8Array | undefined, onAnswer: OnAnswer): void {
    this.#onAnswer = onAnswer;
    this.#socket.cork();
    this.#socket.write(head, 'latin1');
    if (rest !== undefined) this.#socket.write(rest);
    this.#socket.uncork();
  }

  /** Sends more of a body. */
  more(bytes: Uint8Array): void {
    if (this.isOpen) this.#socket.write(bytes);
  }

  destroy(): void {
    this.isOpen = false;
    this.#socket.destroy();
  }

  #take(chunk: Buffer): void {
    if (this.#left < 0) {
      if (this.#head === '') this.#firstMs = performance.now();
      const at = this.#readHead(chunk);
      if (at < 0) return;
      chunk = chunk.subarray(at);
    }
    if (this.#text.length < KEPT_BYTES) this.#text += chunk.toString('latin1', 0, KEPT_BYTES);
    this.#bytes += chunk.length;
    this.#left -= chunk.length;
    if (this.#left <= 0) this.#finish(this.#answer());
  }

  /** Where in the chunk the body begins; -1 when the head goes on. */
  #readHead(chunk: Buffer): number {
    const before = this.#head.length;
    this.#head += chunk.toString('latin1', 0, Math.min(chunk.length, 4_096));
    const end = this.#head.indexOf(HEAD_END);
    if (end < 0) return -1;
    this.#head = this.#head.slice(0, end);
    this.#status = Number(this.#head.slice(9, 12));
    this.#left = Number(/\r\ncontent-length: *(\d+)/i.exec(this.#head)?.[1] ?? 0);
    return end + HEAD_END.length - before;
  }

  #answer(): RawAnswer {
    const endMs = performance.now();
    this.idleSinceMs = endMs;
    const read = { status: this.#status, head: this.#head, text: this.#text, bytes: this.#bytes };
    if (/\r\nconnection: *close/i.test(this.#head)) this.destroy();
    return { ...read, firstMs: this.#firstMs, endMs };
  }

  #finish(answer: RawAnswer | undefined): void {
    const onAnswer = this.#onAnswer;
    this.#onAnswer = undefined;
    this.#head = '';
    this.#text = '';
    this.#left = -1;
    this.#bytes = 0;
    onAnswer?.(answer);
  }
}
