import { closeSync, fdatasyncSync, openSync, writeSync } from 'node:fs';
import { EntrySource } from '../harness/entries.ts';
import { percentiles } from '../harness/statistics.ts';

/*
 * sync-floor FILE ENTRIES SECONDS: appends so many entries to a file and syncs it, again and again. No durable
 * log that keeps those bytes can be faster with one sync for as many entries.
 */

const [file, entries, seconds] = process.argv.slice(2);
if (file === undefined) throw new TypeError('usage: sync-floor FILE ENTRIES SECONDS');
const count = Number(entries);
const source = new EntrySource();
const out = openSync(file, 'w');
const times: number[] = [];
const startMs = performance.now();
const endMs = startMs + Number(seconds) * 1_000;
let nowMs = startMs;
while (nowMs < endMs) {
  const bytes = source.plain(count);
  const fromMs = performance.now();
  writeSync(out, bytes);
  fdatasyncSync(out);
  nowMs = performance.now();
  times.push(nowMs - fromMs);
}
closeSync(out);
const perSec = (times.length * count * 1_000) / (nowMs - startMs);
console.log(JSON.stringify({ perSec, ...percentiles(times), count: times.length }));
