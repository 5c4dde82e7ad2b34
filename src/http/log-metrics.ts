import { Counter, Gauge, Histogram, type Registry } from 'prom-client';
import type { ScrubStatus } from '../scrub/scrubber.ts';
import type { CommitReport, Log } from '../sequencer/log.ts';
import type { ScrubSource } from './audit.ts';

/** Metrics of the logs of one server. */
export interface LogMetrics {
  /** Counts a log's commits from now on; a second call changes nothing. */
  watch(log: Log): void;
  /** Brings the gauges to the present. */
  refresh(): Promise<void>;
}

const GAUGES = {
  stele_log_tree_size: 'Entries under the log head',
  stele_log_published_tree_size: 'Entries under the published head',
  stele_log_head_age_seconds: 'Time since the log head was signed',
  stele_log_queue_entries: 'Entries that wait for a commit or are in it',
  stele_log_queue_bytes: 'Bytes of these entries',
  stele_log_queue_age_seconds: 'How long the oldest of them has waited',
  stele_log_disk_bytes: "Bytes of the log's database on disk",
  stele_log_volume_free_bytes: 'Free bytes of the volume that the database lies on',
  stele_log_reserve_bytes: 'Free bytes below which entries are refused; 0: never',
  stele_log_findings: 'Stored rows known to be damaged; above 0 the log signs nothing',
  stele_scrub_progress_ratio: 'Part of the present scrubbing pass that is done; 1 between passes',
  stele_scrub_entries: 'Entries that the present scrubbing pass has re-hashed',
  stele_scrub_pass_started_seconds: 'When the present or last scrubbing pass began, since 1970; 0: never',
  stele_scrub_last_pass_finished_seconds: 'When the last scrubbing pass ended, since 1970; 0: never',
  stele_scrub_last_pass_findings: 'What the last scrubbing pass found wrong',
} as const;
type GaugeName = keyof typeof GAUGES;

/** Makes the metrics that have a log as label. */
export function createLogMetrics(
  registers: Registry[],
  clock: { nowMs(): number },
  scrub: ScrubSource = () => undefined,
): LogMetrics {
  const gauges = Object.entries(GAUGES).map(
    ([name, help]) => [name, new Gauge({ name, help, labelNames: ['log'], registers })] as const,
  );
  const count = commitCounter(registers);
  const watched = new Map<string, Log>();
  const show = async (log: Log): Promise<void> => {
    const now = await present(log, clock.nowMs(), scrub(log.name));
    for (const [name, gauge] of gauges) gauge.set({ log: log.name }, now[name as GaugeName]);
  };
  return {
    watch: (log) => {
      if (watched.get(log.name) === log) return;
      watched.set(log.name, log);
      log.onCommit((report) => count(log.name, report));
    },
    refresh: async () => {
      await Promise.all([...watched.values()].map(show));
    },
  };
}

async function present(
  log: Log,
  nowMs: number,
  scrub: ScrubStatus | undefined,
): Promise<Record<GaugeName, number>> {
  const status = log.status();
  return {
    stele_log_tree_size: log.head.size,
    stele_log_published_tree_size: log.publishedHead.size,
    stele_log_head_age_seconds: (nowMs - status.headSignedAtMs) / 1000,
    stele_log_queue_entries: status.queuedEntries,
    stele_log_queue_bytes: status.queuedBytes,
    stele_log_queue_age_seconds: status.queueAgeMs / 1000,
    stele_log_disk_bytes: await log.bytesOnDisk(),
    stele_log_volume_free_bytes: status.freeBytes ?? 0,
    stele_log_reserve_bytes: status.reserveBytes ?? 0,
    stele_log_findings: log.findings.length + log.moreFindings,
    ...scrubGauges(scrub),
  };
}

type ScrubGauge = Extract<GaugeName, `stele_scrub_${string}`>;

function scrubGauges(scrub: ScrubStatus | undefined): Record<ScrubGauge, number> {
  const { pass, lastPass } = scrub ?? {};
  return {
    stele_scrub_progress_ratio: pass?.progress ?? (lastPass === undefined ? 0 : 1),
    stele_scrub_entries: pass?.entriesChecked ?? 0,
    stele_scrub_pass_started_seconds: ((pass ?? lastPass)?.startedAtMs ?? 0) / 1000,
    stele_scrub_last_pass_finished_seconds: (lastPass?.finishedAtMs ?? 0) / 1000,
    stele_scrub_last_pass_findings: lastPass?.findings ?? 0,
  };
}

function commitCounter(registers: Registry[]): (log: string, report: CommitReport) => void {
  const entries = new Counter({
    name: 'stele_log_entries_total',
    help: 'Entries committed',
    labelNames: ['log'],
    registers,
  });
  const bytes = new Counter({
    name: 'stele_log_bytes_total',
    help: 'Bytes of entries committed',
    labelNames: ['log'],
    registers,
  });
  const batch = new Histogram({
    name: 'stele_log_batch_entries',
    help: 'Entries of one commit; its count is the number of commits',
    labelNames: ['log'],
    buckets: [1, 4, 16, 64, 256, 1024, 4096],
    registers,
  });
  const step = new Histogram({
    name: 'stele_log_commit_seconds',
    help: 'Time of a commit, by step',
    labelNames: ['log', 'step'],
    buckets: [0.0001, 0.0005, 0.002, 0.01, 0.05, 0.2, 1, 5],
    registers,
  });
  return (log, report) => {
    entries.inc({ log }, report.entries);
    bytes.inc({ log }, report.bytes);
    batch.observe({ log }, report.entries);
    for (const name of ['plan', 'sync', 'check', 'sign', 'guard'] as const)
      step.observe({ log, step: name }, report[`${name}Ms`] / 1000);
  };
}
