import { Agent, request } from 'node:http';
import type { Socket } from 'node:net';
import type { Outcome, Row } from '../harness/bench.ts';
import { ENTRY_BYTES, EntrySource } from '../harness/entries.ts';
import { judgeLimit, show } from '../harness/finding.ts';
import { writtenBytes } from '../harness/process-stats.ts';
import { ENTRY_TYPE, type SteleServer, startStele } from '../peers/stele.ts';

const ENTRIES = { full: 20_000, quick: 3_000, smoke: 20 } as const;
/** One slot of the guard, written at each commit. */
const GUARD_BYTES = 4_096;
const LIMIT_BYTES = 4 * ENTRY_BYTES + 1_024;

/**
 * Appends entries one after the other and gives back the bytes of all answers as they came over the sockets: they
 * are in what the kernel counts as written by the server.
 */
async function appendSingly(server: SteleServer, entries: number): Promise<number> {
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  const sockets = new Set<Socket>();
  const source = new EntrySource();
  for (let done = 0; done < entries; done += 1) await appendOne(server, agent, source.entry(), sockets);
  const bytes = [...sockets].reduce((sum, socket) => sum + socket.bytesRead, 0);
  agent.destroy();
  return bytes;
}

function appendOne(server: SteleServer, agent: Agent, body: Buffer, sockets: Set<Socket>): Promise<void> {
  const headers = { ...server.headers(ENTRY_TYPE), 'Content-Length': `${body.length}` };
  return new Promise((resolve, reject) => {
    const sent = request(`${server.url}/entries`, { agent, method: 'POST', headers }, (answer) => {
      answer.resume();
      answer.once('error', reject);
      answer.once('end', () =>
        answer.statusCode === 201 ? resolve() : reject(new Error(`${answer.statusCode}`)),
      );
    });
    sent.once('socket', (socket) => sockets.add(socket));
    sent.once('error', reject);
    sent.end(body);
  });
}

/** What is written for one entry when each has a commit of its own: the dearest way to append. */
export const writtenRow: Row = {
  name: 'written',
  title: 'bytes written under the data directory, one entry a commit',
  run: async (bench): Promise<Outcome> => {
    const entries = ENTRIES[bench.mode];
    await using server = await startStele(bench);
    const before = writtenBytes(server.pid);
    const answers = await appendSingly(server, entries);
    const after = writtenBytes(server.pid);
    const ours = (after.calls - before.calls - answers) / entries - GUARD_BYTES;
    const disk = (after.disk - before.disk) / entries;
    return {
      findings: [
        judgeLimit({ what: "an entry, without the guard's 4 KiB", unit: 'B' }, ours, { atMost: LIMIT_BYTES }),
        show({ what: 'an entry, in whole pages and with the guard (write_bytes)', unit: 'B' }, disk),
      ],
      notes: [
        `${entries.toLocaleString('en-US')} entries; bytes given to write calls, without those of the answers`,
      ],
    };
  },
};
