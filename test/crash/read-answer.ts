/** Longest wait for an answer: the machine may have other work. */
const READ_MS = 10 * 60_000;
const READS_MAX = 3;

/** What is read from a server. */
export interface ReadAnswer {
  readonly status: number;
  readonly body: Buffer;
}

/**
 * Asks again where the connection ends before the answer: while a machine stands still, those that are idle come of age.
 * @throws Error what fetch says, where nobody answers
 */
export async function readAnswer(url: string, headers: Record<string, string> = {}): Promise<ReadAnswer> {
  for (let reads = 1; ; reads += 1) {
    try {
      const answer = await fetch(url, { headers, signal: AbortSignal.timeout(READ_MS) });
      return { status: answer.status, body: Buffer.from(await answer.arrayBuffer()) };
    } catch (error) {
      if (reads === READS_MAX) throw error;
    }
  }
}
