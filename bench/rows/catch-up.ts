import { randomBytes } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { ENTRY_BYTES_MAX } from '../../src/core/tile/bundle.ts';
import type { Bench, Outcome, Row } from '../harness/bench.ts';
import { type Child, runForText, startChild } from '../harness/child.ts';
import { judgeLimit } from '../harness/finding.ts';
import { residentBytes } from '../harness/process-stats.ts';
import { BUNDLE_TYPE, post, type SteleServer, serveStele, startStele } from '../peers/stele.ts';
import { filledEntries, filledLog } from './filled-log.ts';

const MIB: number = 1024 * 1024;
const PER_SEC_MIN = 100_000;
const MEMORY_MIB_MAX = 256;
/** Between two looks at the memory of the monitor. */
const LOOK_MS = 50;
/** Of 65,535 B. */
const LARGE_ENTRIES = { full: 2_816, quick: 1_024, smoke: 300 } as const;
/** Within the 8 MiB of a request. */
const LARGE_BATCH = 100;
const GIVE_UP_MS = 300_000;

/** A monitor that meets a log for the first time: it reads and hashes all entries, from a server on this machine. */
export const catchUpRow: Row = {
  name: 'catch-up',
  title: 'a monitor catches up with a local log',
  run: async (bench): Promise<Outcome> => {
    const entries = filledEntries(bench);
    await using server = await serveStele(bench, await filledLog(bench));
    const startMs = performance.now();
    await using monitor = await startMonitor(bench, server);
    const residentMax = await untilVerified(monitor, entries);
    const seconds = (performance.now() - startMs) / 1_000;
    return {
      findings: [
        judgeLimit({ what: 'entries', unit: 'entries/s' }, entries / seconds, { atLeast: PER_SEC_MIN }),
        judgeLimit({ what: 'memory, the most', unit: 'MiB' }, residentMax / MIB, { atMost: MEMORY_MIB_MAX }),
      ],
      notes: [`${entries.toLocaleString('en-US')} entries; the time holds the start of the process`],
    };
  },
};

/** The same with the largest entries, all of which it keeps: only memory is asked for. */
export const catchUpLargeRow: Row = {
  name: 'catch-up-large',
  title: 'a mirror catches up with entries of 64 KiB',
  run: async (bench): Promise<Outcome> => {
    const entries = LARGE_ENTRIES[bench.mode];
    await using server = await startStele(bench);
    for (let done = 0; done < entries; done += LARGE_BATCH)
      await post(server, BUNDLE_TYPE, largeEntries(Math.min(LARGE_BATCH, entries - done)));
    await using monitor = await startMonitor(bench, server, { mirror: true });
    const residentMax = await untilVerified(monitor, entries);
    return {
      findings: [
        judgeLimit({ what: 'memory, the most', unit: 'MiB' }, residentMax / MIB, { atMost: MEMORY_MIB_MAX }),
      ],
      notes: [`${entries.toLocaleString('en-US')} entries of 65,535 B`],
    };
  },
};

/** New ones in bundle form. */
function largeEntries(count: number): Buffer<ArrayBuffer> {
  const body = Buffer.from(randomBytes(count * (2 + ENTRY_BYTES_MAX)));
  for (let i = 0; i < count; i += 1) body.writeUInt16BE(ENTRY_BYTES_MAX, i * (2 + ENTRY_BYTES_MAX));
  return body;
}

async function startMonitor(bench: Bench, server: SteleServer, more: object = {}): Promise<Child> {
  const data = join(await bench.folder(), 'monitor');
  await runForText(process.execPath, [bench.program, 'monitor', 'init', '--data', data]);
  const { vkeys }: { vkeys: string[] } = await (await fetch(`${server.url}/log`)).json();
  await writeFile(
    join(data, 'monitor.yaml'),
    JSON.stringify({ logs: [{ vkey: vkeys[0], url: server.url, ...more }] }),
  );
  return startChild(bench.program, ['monitor', '--json', '--listen', '127.0.0.1:0', '--data', data]);
}

/** The most that the monitor has kept resident until it had verified so many entries. */
async function untilVerified({ url, pid }: Child, entries: number): Promise<number> {
  const signal = AbortSignal.timeout(GIVE_UP_MS);
  for (let most = 0; ; await sleep(LOOK_MS, undefined, { signal })) {
    most = Math.max(most, residentBytes(pid).all);
    const metrics = await (await fetch(`${url}/metrics`, { signal })).text();
    const size = /^stele_monitor_tree_size\{[^}]*\} (\d+)$/m.exec(metrics)?.[1];
    if (Number(size) >= entries) return most;
  }
}
