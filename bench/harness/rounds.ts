import { setTimeout as sleep } from 'node:timers/promises';
import type { Contender, Sample } from './sample.ts';

/** How long and how often. */
export interface Pace {
  /** Pairs: how often each contender is measured. */
  readonly rounds: number;
  readonly seconds: number;
  readonly warmUpSeconds: number;
  /** Rest before each measurement, so that one's background work is not the other's load. */
  readonly restMs: number;
}

/**
 * Measures all contenders in turns: A B C A B C …, after a warm-up of each. The n-th samples of two of them make a
 * pair, taken within seconds of each other.
 */
export async function measureInTurns(
  contenders: readonly Contender[],
  pace: Pace,
  onSample: (name: string, sample: Sample) => void,
): Promise<Record<string, Sample[]>> {
  for (const contender of contenders) await contender.measure(pace.warmUpSeconds);
  const samples: Record<string, Sample[]> = {};
  for (let round = 0; round < pace.rounds; round += 1) {
    for (const contender of contenders) {
      await sleep(pace.restMs);
      const sample = await contender.measure(pace.seconds);
      samples[contender.name] = [...(samples[contender.name] ?? []), sample];
      onSample(contender.name, sample);
    }
  }
  return samples;
}
