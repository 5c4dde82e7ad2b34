import type { Writable } from 'node:stream';
import { TlogError } from '../../core/error.ts';
import type { Sink } from '../sink.ts';

/** Writes each alert as a line of JSON. */
export function stdoutSink({ name, stream }: { readonly name: string; readonly stream: Writable }): Sink {
  return {
    name,
    deliver: (alert) =>
      new Promise((resolve, reject) => {
        stream.write(`${JSON.stringify({ alert })}\n`, (cause) =>
          cause ? reject(new TlogError('not_delivered', `stdout: ${cause.message}`, { cause })) : resolve(),
        );
      }),
  };
}
