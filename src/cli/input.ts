import { ReadStream, statSync } from 'node:fs';
import type { Readable } from 'node:stream';
import { TlogError } from '../core/error.ts';
import { UsageError } from './exit-code.ts';
import type { ProgressBar } from './progress-bar.ts';

/** A file that is read, or stdin. */
export interface Input {
  readonly file: string;
  readonly input: Readable;
}

/** Shows how much of a file has been read; of a stream, whose length nobody knows, what was counted. */
export function showProgress(bar: ProgressBar, { file, input }: Input, count: number): void {
  const size = statSync(file, { throwIfNoEntry: false })?.size ?? 0;
  if (size > 0 && input instanceof ReadStream) bar.show(Math.min(input.bytesRead, size), size);
  else bar.count(count);
}

/** Turns a failure to read the input into a wrong command line; other errors pass. */
export async function readable(file: string, work: Promise<void>): Promise<void> {
  try {
    await work;
  } catch (error) {
    if (error instanceof Error && 'syscall' in error && !(error instanceof TlogError)) {
      throw new UsageError(`cannot read ${file}: ${error.message}`, { cause: error });
    }
    throw error;
  }
}
