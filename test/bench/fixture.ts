import { judge, type RowResult, show } from '../../bench/harness/finding.ts';
import type { Results } from '../../bench/harness/results.ts';
import type { Sample } from '../../bench/harness/sample.ts';

/** A measurement; what a test does not name is 1. */
export function sample(given: Partial<Sample>): Sample {
  const times = { p50Ms: 1, p90Ms: 1, p99Ms: 1, p999Ms: 1, maxMs: 1 };
  return { perSec: 1, count: 1, answerBytes: 1, serverCores: 1, loadCores: 1, ...times, ...given };
}

function row(name: string, rates: Readonly<Record<string, readonly number[]>>): RowResult {
  const samples = Object.entries(rates).map(
    ([of, list]) => [of, list.map((perSec) => sample({ perSec }))] as const,
  );
  const pairs = (rates['stele'] ?? []).map((ours, i) => ({ ours, theirs: rates['bare']?.[i] ?? 1 }));
  const finding = judge({ against: 'bare', unit: 'req/s', goal: { atLeast: 0.5 } }, pairs);
  return {
    row: name,
    title: `title of ${name}`,
    findings: rates['bare'] === undefined ? [] : [finding],
    samples: Object.fromEntries(samples),
    notes: [`note of ${name}`],
    seconds: 1,
  };
}

/** A run with two rounds of a row of each kind of chart; one contender's name needs escaping. */
export const RUN: Results = {
  schema: 1,
  mode: 'full',
  startedAt: '2026-01-02T03:04:05.678Z',
  commit: '0123456789abcdef',
  modified: false,
  machine: {
    cpu: 'Abacus',
    cores: 2,
    memoryBytes: 4 * 1024 ** 3,
    platform: 'linux',
    kernel: '6',
    disk: 'ext',
    load: 0.1,
  },
  versions: { stele: '0.1.0', node: 'v20.19.0' },
  method: {
    rounds: 2,
    seconds: 3,
    warmUpSeconds: 1,
    restMs: 0,
    entryBytes: 300,
    order: 'A B A B',
    loadGenerator: 'a & b',
  },
  rows: [
    row('append-64', { stele: [5_000, 7_000], bare: [10_000, 10_000], 'a < b': [4, 6] }),
    row('get-tile', { stele: [80, 90, 100], bare: [100, 100, 100] }),
    row('latency', { stele: [1_000, 1_000], bare: [1_000, 1_000] }),
    row('growth', {
      'append at 10 k': [9],
      'prove at 10 k': [20],
      'append at 1 M': [8],
      'prove at 1 M': [19],
    }),
    { ...row('micro', {}), findings: [show({ what: 'node hash', unit: 'ops/s' }, 500_000)] },
    { ...row('disk', {}), error: 'Error: disk is full' },
  ],
};
