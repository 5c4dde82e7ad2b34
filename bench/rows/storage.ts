import { join } from 'node:path';
import type { Bench, Outcome, Row } from '../harness/bench.ts';
import { runForText, runNodeForJson } from '../harness/child.ts';
import { folderBytes } from '../harness/disk.ts';
import { ENTRY_BYTES, EntrySource } from '../harness/entries.ts';
import { type Finding, judge, judgeLimit } from '../harness/finding.ts';
import { PROGRAMS } from '../harness/paths.ts';
import { fill, initStele, LINES_TYPE, type Place, post, serveStele } from '../peers/stele.ts';
import { filledLog } from './filled-log.ts';

const FSCK_PER_SEC_MAX = 250_000;
const RAW_PART = 0.5;
const DISK_ENTRIES = { full: 1_000_000, quick: 100_000, smoke: 2_000 } as const;
const DISK_LIMIT = { on: 90, off: 45 } as const;
const FIRST_ENTRIES = 100_000;
const BATCH_ENTRIES = 1_000;
const FIRST_APPEND_SECONDS = 10;
const FIRST_FSCK_SECONDS = 3;

interface Fsck {
  readonly entries: number;
  readonly seconds: number;
}

/** `stele fsck` on a stopped log; its time holds the start of the process. @throws Error when it finds a difference */
async function fsck(bench: Bench, { data }: Place): Promise<Fsck> {
  const startMs = performance.now();
  const said = await runForText(process.execPath, [bench.program, 'fsck', '--json', '--data', data]);
  const seconds = (performance.now() - startMs) / 1_000;
  return { entries: JSON.parse(said).entries, seconds };
}

/** A check of every entry, beside a scan of the same bytes in a plain database that hashes each entry once. */
export const fsckRow: Row = {
  name: 'fsck',
  title: 'fsck of a data directory',
  run: async (bench): Promise<Outcome> => {
    const place = await filledLog(bench);
    const { entries } = await fsck(bench, place);
    const raw = await bench.folder();
    await runNodeForJson(join(PROGRAMS, 'raw-level.js'), [raw, `${entries}`, '0']);
    const pairs: { ours: number; theirs: number }[] = [];
    for (let round = 0; round < bench.pace.rounds; round += 1) {
      const ours = entries / (await fsck(bench, place)).seconds;
      const startMs = performance.now();
      await runNodeForJson(join(PROGRAMS, 'raw-scan.js'), [raw]);
      const theirs = (entries * 1_000) / (performance.now() - startMs);
      bench.say(`  fsck ${Math.round(ours)}/s, raw scan ${Math.round(theirs)}/s`);
      pairs.push({ ours, theirs });
    }
    const lower = (scan: number): number => Math.min(FSCK_PER_SEC_MAX, RAW_PART * scan);
    const wanted = pairs.map(({ ours, theirs }) => ({ ours, theirs: lower(theirs) }));
    return {
      findings: [
        judge({ against: '250,000/s or half of raw scan', unit: 'entries/s', goal: { atLeast: 1 } }, wanted),
        judge({ against: 'raw scan + SHA-256', unit: 'entries/s' }, pairs),
      ],
      notes: [`fsck read ${entries.toLocaleString('en-US')} entries; times hold the start of the process`],
    };
  },
};

/** What a log takes on disk beyond the bytes of its entries, once LevelDB has compacted it. */
export const diskRow: Row = {
  name: 'disk',
  title: 'disk beyond the bytes of the entries, after compaction',
  run: async (bench): Promise<Outcome> => {
    const findings: Finding[] = [];
    const entries = DISK_ENTRIES[bench.mode];
    for (const index of ['on', 'off'] as const) {
      const place = await initStele(bench, { leafHashIndex: index === 'on' });
      {
        await using server = await serveStele(bench, place);
        await fill(server, entries);
      }
      await runNodeForJson(join(PROGRAMS, 'compact.js'), [join(place.data, 'logs', 'main', 'db')]);
      const beyond = (await folderBytes(place.data)) / entries - ENTRY_BYTES;
      const what = `an entry, leaf-hash index ${index}`;
      findings.push(judgeLimit({ what, unit: 'B' }, beyond, { atMost: DISK_LIMIT[index] }));
    }
    return { findings, notes: [`${entries.toLocaleString('en-US')} entries in batches of 4,096`] };
  },
};

/** The first thing that a user does with a big file: append it in batches, and check the log. */
export const firstLogRow: Row = {
  name: 'first-log',
  title: '100,000 entries of 300 B',
  run: async (bench): Promise<Outcome> => {
    const entries = bench.mode === 'smoke' ? BATCH_ENTRIES : FIRST_ENTRIES;
    const place = await initStele(bench);
    const source = new EntrySource();
    let seconds = 0;
    {
      await using server = await serveStele(bench, place);
      const startMs = performance.now();
      for (let done = 0; done < entries; done += BATCH_ENTRIES)
        await post(server, LINES_TYPE, source.lines(BATCH_ENTRIES));
      seconds = (performance.now() - startMs) / 1_000;
    }
    const checked = await fsck(bench, place);
    return {
      findings: [
        judgeLimit({ what: 'append, 1,000 a request, one after the other', unit: 's' }, seconds, {
          atMost: FIRST_APPEND_SECONDS,
        }),
        judgeLimit({ what: 'fsck', unit: 's' }, checked.seconds, { atMost: FIRST_FSCK_SECONDS }),
      ],
    };
  },
};
