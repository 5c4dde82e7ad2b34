import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Bench, Outcome, Row } from '../harness/bench.ts';
import { type Child, runForText, startChild } from '../harness/child.ts';
import { judgeLimit } from '../harness/finding.ts';
import { residentBytes } from '../harness/process-stats.ts';
import { type SteleServer, serveStele } from '../peers/stele.ts';
import { filledEntries, filledLog } from './filled-log.ts';

const MIB: number = 1024 * 1024;
const PER_SEC_MIN = 100_000;
const MEMORY_MIB_MAX = 256;
/** Between two looks at the memory of the monitor. */
const LOOK_MS = 50;
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

async function startMonitor(bench: Bench, server: SteleServer): Promise<Child> {
  const data = join(await bench.folder(), 'monitor');
  await runForText(process.execPath, [bench.program, 'monitor', 'init', '--data', data]);
  const { vkeys }: { vkeys: string[] } = await (await fetch(`${server.url}/log`)).json();
  await writeFile(join(data, 'monitor.yaml'), `logs: [{vkey: '${vkeys[0]}', url: '${server.url}'}]\n`);
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
