import type { WitnessState } from '../client/ack.ts';

/**
 * What a person is told of the witnesses of an append that was to wait for them. `prove` is the command that makes a cosigned proof of
 * it, all but the policy.
 */
export function witnessTalk(state: WitnessState, what: string, prove: string): string {
  if (state === 'verified') return `${what}: the quorum of the policy has cosigned it.`;
  const how = `${prove} --policy FILE`;
  if (state === 'awaited')
    return `${what}: it is in the log, and its witnesses had not cosigned it in time. A cosigned proof, once they have: ${how}`;
  return `${what}: the log says that its witnesses have cosigned it, and nothing of that was checked. To check it: ${how}`;
}
