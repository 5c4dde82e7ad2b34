import type { Bench } from '../harness/bench.ts';
import type { Child } from '../harness/child.ts';
import { EntrySource } from '../harness/entries.ts';
import { fill, initStele, type Place, serveStele } from '../peers/stele.ts';
import { startTessera } from '../peers/tessera.ts';

/** Entries of the log that the reading rows read from. */
const ENTRIES = { full: 1_000_000, quick: 100_000, smoke: 600 } as const;
const LINES_PER_BATCH = 1_000;
/** Entries of the peer, whose reads are files. */
const TESSERA_ENTRIES = { full: 100_000, quick: 20_000, smoke: 600 } as const;

const places = new WeakMap<Bench, Promise<Place>>();

/** Entries of the filled logs in this run. */
export function filledEntries(bench: Bench): number {
  return ENTRIES[bench.mode];
}

/** A log with entries, made once a run and stopped; several rows read it, one after the other. */
export async function filledLog(bench: Bench): Promise<Place> {
  const known = places.get(bench);
  if (known !== undefined) return known;
  const made = makeFilledLog(bench);
  places.set(bench, made);
  // The next row tries again: one that failed must not take all that read with it.
  made.catch(() => places.delete(bench));
  return made;
}

async function makeFilledLog(bench: Bench): Promise<Place> {
  const entries = filledEntries(bench);
  bench.say(`  filling a log with ${entries.toLocaleString('en-US')} entries`);
  const place = await initStele(bench);
  await using server = await serveStele(bench, place);
  await fill(server, entries);
  return place;
}

/** The peer with entries, and how many; undefined without Go. */
export async function startFilledTessera(bench: Bench): Promise<{ child: Child; size: number } | undefined> {
  const child = await startTessera(bench, 'tuned');
  if (child === undefined) return undefined;
  const size = TESSERA_ENTRIES[bench.mode];
  const source = new EntrySource();
  for (let left = size; left > 0; left -= LINES_PER_BATCH) {
    const body = source.lines(Math.min(LINES_PER_BATCH, left));
    const response = await fetch(`${child.url}/add-batch`, { method: 'POST', body });
    if (!response.ok) throw new Error(`Tessera: ${response.status} ${await response.text()}`);
    await response.arrayBuffer();
  }
  return { child, size };
}
