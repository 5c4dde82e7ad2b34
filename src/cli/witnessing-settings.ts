import { z } from 'zod';
import { TlogError } from '../core/error.ts';

/** The longest wait that may be set. */
const SECONDS_MAX = 86_400;
const seconds = z.number().positive().max(SECONDS_MAX);

/** How one log is witnessed, as the config file has it. */
export interface WitnessingSettings {
  /** File of the policy (c2sp.org/tlog-policy). */
  readonly policy: string;
  readonly mode?: 'require' | 'prefer' | undefined;
  readonly maxWitnessLagSeconds?: number | undefined;
  /** From one request to a witness to the next. */
  readonly intervalSeconds?: number | undefined;
  /** The same for single witnesses, by their names in the policy. */
  readonly intervalSecondsOf?: Readonly<Record<string, number>> | undefined;
  readonly timeoutSeconds?: number | undefined;
}

/** `witnessing` of the config file: by the name of the log. */
export const witnessingSettings: z.ZodType<Readonly<Record<string, WitnessingSettings>>> = z.record(
  z.string(),
  z.strictObject({
    policy: z.string().min(1),
    mode: z.enum(['require', 'prefer']).optional(),
    maxWitnessLagSeconds: seconds.optional(),
    intervalSeconds: seconds.optional(),
    intervalSecondsOf: z.record(z.string(), seconds).optional(),
    timeoutSeconds: seconds.optional(),
  }),
);

/**
 * How each log is witnessed, once `policy` is added as that of the first log.
 * @throws TlogError invalid_config when both name a policy of the first log, or one is for a log that is not there
 */
export function witnessingOf(
  logs: readonly string[],
  witnessing: Readonly<Record<string, WitnessingSettings>> = {},
  policy?: string,
): ReadonlyMap<string, WitnessingSettings> {
  const found = new Map(Object.entries(witnessing));
  for (const name of found.keys())
    if (!logs.includes(name)) throw new TlogError('invalid_config', `witnessing: there is no log ${name}`);
  const [first] = logs;
  if (policy === undefined || first === undefined) return found;
  if (found.has(first))
    throw new TlogError('invalid_config', `witnessing and policy both name a policy of ${first}: keep one`);
  return found.set(first, { policy });
}
