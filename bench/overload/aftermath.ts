import { setTimeout as sleep } from 'node:timers/promises';
import { EntrySource } from '../harness/entries.ts';
import { type ResidentBytes, residentBytes } from '../harness/process-stats.ts';
import { ENTRY_TYPE, post, type SteleServer } from '../peers/stele.ts';

/** An append that takes longer is not normal. */
const NORMAL_MS = 50;
/** So many in a row make it normal. */
const NORMAL_ROW = 10;
const PAUSE_MS = 20;
const GIVE_UP_MS = 60_000;

/** Milliseconds until the first of ten appends in a row that are taken at once; infinite after a minute. */
export async function untilNormal(server: SteleServer): Promise<number> {
  const source = new EntrySource();
  const startMs = performance.now();
  let firstMs = startMs;
  for (let good = 0; good < NORMAL_ROW; ) {
    const atMs = performance.now();
    if (atMs - startMs > GIVE_UP_MS) return Number.POSITIVE_INFINITY;
    const isTaken = await post(server, ENTRY_TYPE, source.entry()).then(
      () => true,
      () => false,
    );
    const isGood = isTaken && performance.now() - atMs <= NORMAL_MS;
    if (isGood && good === 0) firstMs = performance.now();
    good = isGood ? good + 1 : 0;
    await sleep(PAUSE_MS);
  }
  return firstMs - startMs;
}

/** Memory of a process while it is watched; disposing ends that. */
export interface MemoryWatch extends Disposable {
  most(): ResidentBytes;
}

const WATCH_MS = 50;

/** Looks at the memory of a process again and again. */
export function watchMemory(pid: number): MemoryWatch {
  let most = residentBytes(pid);
  const timer = setInterval(() => {
    const { all, own } = residentBytes(pid);
    most = { all: Math.max(most.all, all), own: Math.max(most.own, own) };
  }, WATCH_MS);
  return { most: () => most, [Symbol.dispose]: () => clearInterval(timer) };
}
