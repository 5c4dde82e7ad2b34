import { ERROR_CODES, type ErrorCode, TlogError } from '../core/error.ts';
import { accessToken, type CommandContext } from './context.ts';

/** Longest answer that is read, in bytes: a page of 1,000 entries in base64 fits. */
const ANSWER_BYTES_MAX = 128 * 1024 * 1024;
const CALL_TIMEOUT_MS = 60_000;

/** One request to the log that the settings name. */
export interface ServerCall {
  readonly method?: 'GET' | 'POST';
  /** Path below /logs/NAME. */
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: Uint8Array<ArrayBuffer>;
}

/**
 * The body of a 2xx answer.
 * @throws TlogError unreachable without an answer or at a 5xx of unknown meaning; the server's own code otherwise
 */
export async function callServer(context: CommandContext, call: ServerCall): Promise<Uint8Array> {
  const token = await accessToken(context.config);
  const url = `${context.config.server}/logs/${context.config.log}${call.path}`;
  let answer: Response;
  let bytes: Uint8Array;
  try {
    answer = await fetch(url, {
      method: call.method ?? 'GET',
      headers: { ...call.headers, ...(token === undefined ? {} : { Authorization: `Bearer ${token}` }) },
      ...(call.body === undefined ? {} : { body: call.body }),
      redirect: 'error',
      signal: AbortSignal.timeout(CALL_TIMEOUT_MS),
    });
    bytes = await readAnswer(answer);
  } catch (cause) {
    if (cause instanceof TlogError) throw cause;
    throw new TlogError('unreachable', `no answer from ${url}: is the server running?`, { cause });
  }
  if (!answer.ok) throw refusal(url, answer.status, bytes);
  return bytes;
}

async function readAnswer(answer: Response): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let total = 0;
  for await (const chunk of answer.body ?? []) {
    total += chunk.length;
    if (total > ANSWER_BYTES_MAX) {
      throw new TlogError('malformed_answer', `${answer.url} sends more than ${ANSWER_BYTES_MAX} bytes`);
    }
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

function refusal(url: string, status: number, bytes: Uint8Array): TlogError {
  const { code, detail } = problemOf(bytes);
  const message = `${url} answered ${status}${code === undefined ? '' : ` ${code}`}${detail === undefined ? '' : `: ${detail}`}`;
  if (code !== undefined && Object.hasOwn(ERROR_CODES, code))
    return new TlogError(code as ErrorCode, message);
  return new TlogError(status >= 500 ? 'unreachable' : 'invalid_request', message);
}

function problemOf(bytes: Uint8Array): { code?: string; detail?: string } {
  try {
    const { code, detail } = JSON.parse(Buffer.from(bytes).toString()) as Record<string, unknown>;
    return {
      ...(typeof code === 'string' ? { code } : {}),
      ...(typeof detail === 'string' ? { detail } : {}),
    };
  } catch {
    // Not problem+json, such as a proxy's page: the status alone has to do.
    return {};
  }
}
