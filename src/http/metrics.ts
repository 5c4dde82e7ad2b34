import { Counter, Gauge, Histogram, Registry } from 'prom-client';
import type { Log } from '../sequencer/log.ts';

/** What GET /metrics tells; every label has few values, whatever clients send. */
export interface Metrics {
  readonly contentType: string;
  request(route: string, method: string, status: number, durationMs: number): void;
  /** Counts a log's commits from now on; a second call changes nothing. */
  watch(log: Log): void;
  text(): Promise<string>;
}

const METHODS: ReadonlySet<string> = new Set(['GET', 'HEAD', 'POST']);

/** Metrics of one server, in a registry of their own. Durations are in seconds, as Prometheus has them. */
export function createMetrics(): Metrics {
  const registers = [new Registry()];
  const [registry] = registers as [Registry];
  const request = new Histogram({
    name: 'stele_http_request_seconds',
    help: 'Time until the answer began, by route',
    labelNames: ['route', 'method', 'status'],
    buckets: [0.001, 0.005, 0.02, 0.1, 0.5, 2, 10],
    registers,
  });
  const logs = logMetrics(registers);
  return {
    contentType: registry.contentType,
    request: (route, method, status, durationMs) => {
      const labels = { route, method: METHODS.has(method) ? method : 'other', status: `${status}` };
      request.observe(labels, durationMs / 1000);
    },
    watch: logs.watch,
    text: () => {
      logs.refresh();
      return registry.metrics();
    },
  };
}

function logMetrics(registers: Registry[]): { watch(log: Log): void; refresh(): void } {
  const of = { labelNames: ['log'], registers } as const;
  const size = new Gauge({ name: 'stele_log_tree_size', help: 'Entries under the log head', ...of });
  const queued = new Gauge({ name: 'stele_log_queued_entries', help: 'Entries that wait', ...of });
  const signed = new Gauge({
    name: 'stele_log_head_signed_seconds',
    help: 'Unix time of the log head',
    ...of,
  });
  const entries = new Counter({ name: 'stele_log_entries_total', help: 'Entries committed', ...of });
  const bytes = new Counter({ name: 'stele_log_bytes_total', help: 'Bytes of entries committed', ...of });
  const commits = new Counter({ name: 'stele_log_commits_total', help: 'Commits', ...of });
  const sync = new Histogram({
    name: 'stele_log_sync_seconds',
    help: 'Time to make a commit durable',
    ...of,
  });
  const watched = new Map<string, Log>();
  const watch = (log: Log): void => {
    if (watched.get(log.name) === log) return;
    watched.set(log.name, log);
    const label = { log: log.name };
    log.onCommit((report) => {
      entries.inc(label, report.entries);
      bytes.inc(label, report.bytes);
      commits.inc(label);
      sync.observe(label, report.syncMs / 1000);
    });
  };
  const refresh = (): void => {
    for (const [name, log] of watched) {
      const status = log.status();
      size.set({ log: name }, log.head.size);
      queued.set({ log: name }, status.queuedEntries);
      signed.set({ log: name }, status.headSignedAtMs / 1000);
    }
  };
  return { watch, refresh };
}
