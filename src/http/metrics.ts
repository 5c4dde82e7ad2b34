import { Counter, Histogram, Registry } from 'prom-client';
import type { Log } from '../sequencer/log.ts';
import { type AlertSource, createAlertMetrics } from './alert-metrics.ts';
import type { ScrubSource } from './audit.ts';
import { createLogMetrics } from './log-metrics.ts';
import type { WitnessingSource } from './witnessing.ts';
import { createWitnessingMetrics } from './witnessing-metrics.ts';

/** What GET /metrics tells; every label has few values, whatever clients send. */
export interface Metrics {
  readonly contentType: string;
  request(route: string, method: string, status: number, durationMs: number): void;
  /** Counts what came of an append: `new`, `repeated`, or the code of its refusal. */
  append(log: string, outcome: string): void;
  /** Counts a log's commits from now on; a second call changes nothing. */
  watch(log: Log): void;
  text(): Promise<string>;
}

/** What metrics are read from. */
export interface MetricsDeps {
  readonly clock: { nowMs(): number };
  readonly scrub?: ScrubSource;
  readonly witnessing?: WitnessingSource;
  readonly alerts?: AlertSource;
  /** Knows how many requests were refused unseen. */
  readonly gate?: { readonly refused: number };
  /** Knows how many were refused for the rate of their client. */
  readonly rates?: { readonly refused: number } | undefined;
}

const METHODS: ReadonlySet<string> = new Set(['GET', 'HEAD', 'POST']);

/** Metrics of one server, in a registry of their own. Durations are in seconds, as Prometheus has them. */
export function createMetrics({ clock, scrub, witnessing, alerts, gate, rates }: MetricsDeps): Metrics {
  const registry = new Registry();
  const registers = [registry];
  const request = new Histogram({
    name: 'stele_http_request_seconds',
    help: 'Time until the answer began, by route',
    labelNames: ['route', 'method', 'status'],
    buckets: [0.001, 0.005, 0.02, 0.1, 0.5, 2, 10],
    registers,
  });
  const appends = new Counter({
    name: 'stele_log_appends_total',
    help: 'Requests to append, by what came of them',
    labelNames: ['log', 'outcome'],
    registers,
  });
  new Counter({
    name: 'stele_http_refused_unseen_total',
    help: 'Requests that were refused with 503 before anything of them was looked at: too many appends wait',
    registers,
    collect() {
      this.reset();
      this.inc(gate?.refused ?? 0);
    },
  });
  new Counter({
    name: 'stele_http_rate_limited_total',
    help: 'Requests that were refused with 429: their client asks more than its share',
    registers,
    collect() {
      this.reset();
      this.inc(rates?.refused ?? 0);
    },
  });
  createAlertMetrics(registers, alerts ?? (() => []));
  const logs = createLogMetrics(registers, clock, scrub);
  const showWitnessing = createWitnessingMetrics(registers);
  const watched = new Map<string, Log>();
  return {
    contentType: registry.contentType,
    request: (route, method, status, durationMs) => {
      const labels = { route, method: METHODS.has(method) ? method : 'other', status: `${status}` };
      request.observe(labels, durationMs / 1000);
    },
    append: (log, outcome) => appends.inc({ log, outcome }),
    watch: (log) => {
      watched.set(log.name, log);
      logs.watch(log);
    },
    text: async () => {
      await logs.refresh();
      for (const { name, head } of watched.values())
        showWitnessing(name, head.size, witnessing?.(name)?.status());
      return registry.metrics();
    },
  };
}
