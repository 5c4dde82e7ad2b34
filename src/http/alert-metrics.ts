import { Counter, Gauge, type Registry } from 'prom-client';
import type { SinkStatus } from '../alert/sink-queue.ts';

/** How the sinks of a process stand; none where no alerts are sent. */
export type AlertSource = () => readonly SinkStatus[];

const GAUGES = {
  waiting: 'Alerts that a sink has not taken yet',
  overdue: 'Critical alerts that a sink has refused for three days; they are tried on',
} as const;
const COUNTERS = {
  delivered: 'Alerts that a sink has taken',
  failed: 'Tries to hand over an alert that failed',
  givenUp: 'Alerts that a sink does not get: kept in given-up/ of its outbox',
} as const;
const NAMES = {
  delivered: 'stele_alerts_delivered_total',
  failed: 'stele_alerts_failed_tries_total',
  givenUp: 'stele_alerts_given_up_total',
} as const;

/** Makes the metrics of the way that alerts go; read when they are asked for. */
export function createAlertMetrics(registers: Registry[], sinks: AlertSource): void {
  for (const key of Object.keys(GAUGES) as (keyof typeof GAUGES)[])
    new Gauge({
      ...{ name: `stele_alerts_${key}`, help: GAUGES[key], labelNames: ['sink'], registers },
      collect() {
        for (const sink of sinks()) this.set({ sink: sink.name }, sink[key]);
      },
    });
  for (const key of Object.keys(COUNTERS) as (keyof typeof COUNTERS)[])
    new Counter({
      ...{ name: NAMES[key], help: COUNTERS[key], labelNames: ['sink'], registers },
      collect() {
        this.reset();
        for (const sink of sinks()) this.inc({ sink: sink.name }, sink[key]);
      },
    });
}
