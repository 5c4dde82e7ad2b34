import { once } from 'node:events';
import type { Readable, Writable } from 'node:stream';
import { TlogError } from '../core/error.ts';
import { UsageError, WriteError } from './exit-code.ts';

/** What a command may touch of the process. Only src/cli/main.ts makes one. */
export interface Terminal {
  readonly stdin: Readable;
  readonly stdout: Writable;
  readonly stderr: Writable;
  /** Whether a person watches stderr, so that progress may be drawn. */
  readonly interactive: boolean;
}

/** Writes data to stdout and waits until it was taken. @throws WriteError */
export async function writeData(terminal: Terminal, data: Uint8Array | string): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    terminal.stdout.write(data, (error) =>
      error
        ? reject(new WriteError(`cannot write to stdout: ${error.message}`, { cause: error }))
        : resolve(),
    );
  });
}

/** Writes one JSON value as a line on stdout. @throws WriteError */
export async function writeJson(terminal: Terminal, value: unknown): Promise<void> {
  await writeData(terminal, `${JSON.stringify(value)}\n`);
}

/** Says something to the person at stderr; that nobody listens is not an error. */
export function say(terminal: Terminal, text: string): void {
  terminal.stderr.write(`${harmless(text)}\n`);
}

/** What servers and files say, without the characters that move a terminal; their escapes are those of JSON. */
export function harmless(text: string): string {
  return text.replace(/[^\P{Cc}\n\t]|\p{Cf}/gu, (character) =>
    character
      .split('')
      .map((unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`)
      .join(''),
  );
}

/** Everything a stream holds, at most `bytesMax` bytes. @throws UsageError when there is more */
export async function readAll(stream: Readable, bytesMax: number, what: string): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let total = 0;
  for await (const chunk of stream) {
    const bytes: Uint8Array = typeof chunk === 'string' ? Buffer.from(chunk) : chunk;
    total += bytes.length;
    if (total > bytesMax) throw new UsageError(`${what} holds more than ${bytesMax} bytes`);
    chunks.push(bytes);
  }
  return new Uint8Array(Buffer.concat(chunks));
}

/** Ends a stream that we opened and waits until its bytes were handed over. */
export async function finish(stream: Writable): Promise<void> {
  stream.end();
  await once(stream, 'finish');
}

/** An error as a line for a person, or as one JSON line for a program. */
export function describeError(error: unknown, json: boolean): string {
  const message = error instanceof Error ? error.message : String(error);
  const code = error instanceof TlogError ? error.code : error instanceof UsageError ? 'usage' : 'internal';
  if (!json)
    return error instanceof TlogError ? `stele: ${code}: ${message}${hint(error)}` : `stele: ${message}`;
  const details = error instanceof TlogError ? error.details : {};
  return JSON.stringify({
    error: { code, message, ...(Object.keys(details).length > 0 ? { details } : {}) },
  });
}

/** What a person at a command line can do, where the server speaks to programs. */
function hint({ code }: TlogError): string {
  if (code !== 'unauthorized') return '';
  return '\nGive an access token with --token or STELE_TOKEN; stele token create makes one.';
}
