import { Counter, Gauge, type Registry } from 'prom-client';
import type { FeedStatus } from '../witnessing/witness-feed.ts';
import type { WitnessingStatus } from '../witnessing/witnessing.ts';

const OF_LOG = {
  stele_log_witnessed_tree_size: 'Entries under the newest head that satisfies the policy',
  stele_log_freshness_timestamp_seconds: 'The latest time at which the quorum vouched for that head',
} as const;
const OF_WITNESS = {
  stele_log_witness_tree_size: 'Entries under the last head that the witness cosigned',
  stele_log_witness_lag_entries: 'Entries of the log head that it has not cosigned',
  stele_log_witness_cosigned_timestamp_seconds: 'Time of its last cosignature; 0: none yet',
  stele_log_witness_failures: 'Requests to it that failed in a row until now',
} as const;

/** Brings the metrics of one log and its witnesses to the present; a log without a policy has none. */
export type ShowWitnessing = (log: string, treeSize: number, status: WitnessingStatus | undefined) => void;

/** Makes the metrics of what witnesses have cosigned. */
export function createWitnessingMetrics(registers: Registry[]): ShowWitnessing {
  const gauge = (name: string, help: string, labelNames: string[]): Gauge =>
    new Gauge({ name, help, labelNames, registers });
  const ofLog = Object.entries(OF_LOG).map(([name, help]) => [name, gauge(name, help, ['log'])] as const);
  const ofWitness = Object.entries(OF_WITNESS).map(
    ([name, help]) => [name, gauge(name, help, ['log', 'witness'])] as const,
  );
  const requests = new Counter({
    name: 'stele_log_witness_requests_total',
    help: 'Requests to witnesses, by what came of them',
    labelNames: ['log', 'witness', 'outcome'],
    registers,
  });
  return (log, treeSize, status) => {
    if (status === undefined) return;
    const { size = 0, freshnessSec = 0 } = status.witnessed ?? {};
    const heads = {
      stele_log_witnessed_tree_size: size,
      stele_log_freshness_timestamp_seconds: freshnessSec,
    };
    for (const [name, metric] of ofLog) metric.set({ log }, heads[name as keyof typeof OF_LOG]);
    for (const witness of status.witnesses) {
      const now = present(witness, treeSize);
      const labels = { log, witness: witness.name };
      for (const [name, metric] of ofWitness) metric.set(labels, now[name as keyof typeof OF_WITNESS]);
      for (const [outcome, count] of witness.outcomes) {
        requests.remove({ ...labels, outcome });
        requests.inc({ ...labels, outcome }, count);
      }
    }
  };
}

function present(
  { cosigned, failures }: FeedStatus,
  treeSize: number,
): Record<keyof typeof OF_WITNESS, number> {
  const { size = 0, timeSec = 0 } = cosigned ?? {};
  return {
    stele_log_witness_tree_size: size,
    stele_log_witness_lag_entries: treeSize - size,
    stele_log_witness_cosigned_timestamp_seconds: timeSec,
    stele_log_witness_failures: failures,
  };
}
