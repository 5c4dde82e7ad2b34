import { Counter, Gauge, Registry } from 'prom-client';
import type { Alerter } from '../alert/alerter.ts';
import type { Monitor, MonitoredLogStatus } from '../monitor/running-monitor.ts';
import { createAlertMetrics } from './alert-metrics.ts';

/** The metrics of a monitor. */
export interface MonitorMetrics {
  readonly contentType: string;
  /** Counts a head that somebody has shown, by what came of it. */
  heard(outcome: string): void;
  text(): Promise<string>;
}

/** Every label has few values: origins and sinks are those of the operator's files. */
export function createMonitorMetrics(monitor: Monitor, alerter: Pick<Alerter, 'status'>): MonitorMetrics {
  const registry = new Registry();
  const registers = [registry];
  const gossip = new Counter({
    name: 'stele_monitor_heard_checkpoints_total',
    help: 'Checkpoints that others have shown, by what came of them',
    labelNames: ['outcome'],
    registers,
  });
  const gauge = (name: string, help: string, labelNames: readonly string[] = ['origin']): Gauge =>
    new Gauge({ name: `stele_monitor_${name}`, help, labelNames: [...labelNames], registers });
  const size = gauge('tree_size', 'Tree size that was verified last');
  const time = gauge('head_timestamp_seconds', 'Freshness of the verified head, or when it was first seen');
  const reached = gauge('reached_timestamp_seconds', 'When the log last answered');
  const observed = gauge('observations', 'What the last look at a log has found wrong', ['origin', 'kind']);
  const refused = gauge('refused_logs', 'Logs that are not followed, their record being in doubt', []);
  createAlertMetrics(registers, () => alerter.status);
  const show = (log: MonitoredLogStatus): void => {
    const { origin } = log;
    if (log.size !== undefined) size.set({ origin }, log.size);
    if (log.timeSec !== undefined) time.set({ origin }, log.timeSec);
    if (log.reachedSec !== undefined) reached.set({ origin }, log.reachedSec);
    for (const { kind } of log.observations) observed.inc({ origin, kind });
  };
  return {
    contentType: registry.contentType,
    heard: (outcome) => gossip.inc({ outcome }),
    text: () => {
      observed.reset();
      const logs = monitor.status();
      refused.set(logs.filter((log) => log.refused !== undefined).length);
      logs.forEach(show);
      return registry.metrics();
    },
  };
}
