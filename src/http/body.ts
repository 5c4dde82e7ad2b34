import { type ErrorCode, TlogError } from '../core/error.ts';

/**
 * The bytes of a request's body, at most `bytesMax` of them.
 * @throws TlogError the given code when longer; invalid_request when the body ends before its end
 */
export async function readBody(request: Request, bytesMax: number, code: ErrorCode): Promise<Uint8Array> {
  const tooLarge = (): TlogError => new TlogError(code, `the body has more than ${bytesMax} bytes`);
  if (Number(request.headers.get('content-length') ?? 0) > bytesMax) throw tooLarge();
  const chunks: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of received(request)) {
    length += chunk.length;
    if (length > bytesMax) throw tooLarge();
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

/** The chunks of a body; a client that goes away is no fault of ours. */
async function* received(request: Request): AsyncGenerator<Uint8Array> {
  try {
    yield* request.body ?? [];
  } catch (cause) {
    throw new TlogError('invalid_request', 'the body ended early', { cause });
  }
}
