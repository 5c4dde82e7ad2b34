import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { Deadline } from './patience.ts';

const ANSWER_SECONDS = 20;

/** A request as bytes: nothing is added, left out or put right. */
export interface RawRequest {
  readonly method: string;
  readonly target: string;
  readonly headers: readonly (readonly [string, string])[];
  readonly body: Uint8Array;
}

/** An answer. Names of headers are in lower case. */
export interface RawAnswer {
  readonly status: number;
  readonly headers: ReadonlyMap<string, string>;
  readonly body: Buffer;
}

/** One connection that is opened anew whenever the server has closed it. Requests go one after the other. */
export class RawClient implements Disposable {
  readonly #port: number;
  #socket: Socket | undefined;
  #chunks: Buffer = Buffer.alloc(0);

  constructor(port: number) {
    this.#port = port;
  }

  /** @throws Error when there is no whole answer in 20 s, or the connection ends before it; the next request has a new one */
  async send(request: RawRequest): Promise<RawAnswer> {
    const socket = this.#socket?.destroyed === false ? this.#socket : await this.#open();
    socket.write(bytesOf(request));
    using deadline = new Deadline(ANSWER_SECONDS);
    try {
      return await this.#answerTo(request, socket, deadline.signal);
    } catch (error) {
      // What comes too late must not pass for the answer to another request.
      this[Symbol.dispose]();
      throw error;
    }
  }

  async #answerTo(request: RawRequest, socket: Socket, deadline: AbortSignal): Promise<RawAnswer> {
    const head = await this.#until(socket, deadline, (bytes) => endOfHead(bytes));
    const { status, headers } = parseHead(head.toString('latin1'));
    if (status === 100) return this.#answerTo(request, socket, deadline);
    const isBodyless = request.method === 'HEAD' || status === 304;
    const body = isBodyless ? Buffer.alloc(0) : await this.#body(socket, deadline, headers);
    if (headers.get('connection') === 'close') this[Symbol.dispose]();
    return { status, headers, body };
  }

  async #open(): Promise<Socket> {
    const socket = connect(this.#port, '127.0.0.1');
    socket.on('error', () => undefined);
    socket.on('data', (chunk: Buffer) => {
      this.#chunks = Buffer.concat([this.#chunks, chunk]);
      socket.emit('more');
    });
    socket.on('close', () => socket.emit('more'));
    await once(socket, 'connect');
    this.#chunks = Buffer.alloc(0);
    this.#socket = socket;
    return socket;
  }

  /** Takes the bytes up to the end that `find` gives; negative: not there yet. */
  async #until(socket: Socket, signal: AbortSignal, find: (bytes: Buffer) => number): Promise<Buffer> {
    for (;;) {
      const end = find(this.#chunks);
      if (end >= 0) return this.#take(end);
      if (socket.destroyed) throw new Error(`the connection ended: ${this.#chunks.toString('latin1')}`);
      await once(socket, 'more', { signal });
    }
  }

  #take(length: number): Buffer {
    const taken = this.#chunks.subarray(0, length);
    this.#chunks = this.#chunks.subarray(length);
    return taken;
  }

  async #body(socket: Socket, signal: AbortSignal, headers: ReadonlyMap<string, string>): Promise<Buffer> {
    if (headers.get('transfer-encoding') === 'chunked') return this.#chunked(socket, signal);
    const length = Number(headers.get('content-length'));
    return this.#until(socket, signal, (bytes) => (bytes.length >= length ? length : -1));
  }

  async #chunked(socket: Socket, signal: AbortSignal): Promise<Buffer> {
    const parts: Buffer[] = [];
    for (;;) {
      const line = await this.#until(socket, signal, (bytes) => endOfLine(bytes));
      const length = Number.parseInt(line.toString('latin1'), 16);
      const part = await this.#until(socket, signal, (bytes) =>
        bytes.length >= length + 2 ? length + 2 : -1,
      );
      if (length === 0) return Buffer.concat(parts);
      parts.push(part.subarray(0, length));
    }
  }

  [Symbol.dispose](): void {
    this.#socket?.destroy();
    this.#socket = undefined;
  }
}

function bytesOf({ method, target, headers, body }: RawRequest): Buffer {
  const lines = headers.map(([name, value]) => `${name}: ${value}\r\n`).join('');
  return Buffer.concat([Buffer.from(`${method} ${target} HTTP/1.1\r\n${lines}\r\n`, 'latin1'), body]);
}

function endOfHead(bytes: Buffer): number {
  const at = bytes.indexOf('\r\n\r\n');
  return at < 0 ? -1 : at + 4;
}

function endOfLine(bytes: Buffer): number {
  const at = bytes.indexOf('\r\n');
  return at < 0 ? -1 : at + 2;
}

function parseHead(head: string): { status: number; headers: ReadonlyMap<string, string> } {
  const [first = '', ...lines] = head.trimEnd().split('\r\n');
  const pairs = lines.map((line) => {
    const colon = line.indexOf(':');
    return [line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim()] as const;
  });
  return { status: Number(first.split(' ')[1]), headers: new Map(pairs) };
}
