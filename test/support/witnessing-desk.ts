import { onTestFinished } from 'vitest';
import type { Fetch } from '../../src/client/bounded-fetch.ts';
import type { TlogError } from '../../src/core/error.ts';
import { systemClock } from '../../src/runtime/clock.ts';
import type { DataDirectory } from '../../src/sequencer/data-directory.ts';
import { logPaths } from '../../src/sequencer/data-directory.ts';
import { type OpenLog, openLog } from '../../src/sequencer/open-log.ts';
import { type PublishedFile, publishedFile } from '../../src/witnessing/published-file.ts';
import { RequestBudget } from '../../src/witnessing/request-budget.ts';
import { keepWitnessingAlert, type WitnessingAlert } from '../../src/witnessing/witness-alert.ts';
import { readWitnessPolicy } from '../../src/witnessing/witness-policy.ts';
import { Witnessing, type WitnessingOptions } from '../../src/witnessing/witnessing.ts';
import { StepClock } from './step-clock.ts';
import { newDataDirectory } from './test-log.ts';
import { newWitness, type RunningDesk, runWitness } from './witness-desk.ts';

const NAMES = ['a', 'b', 'c'];

/** One request that a witness got. */
export interface Asked {
  readonly witness: string;
  readonly method: string;
  readonly path: string;
  readonly body: string;
  /** By the clock of the log. */
  readonly atMs: number;
}

/** A log, and its witnesses behind the fetch of a test. */
export interface WitnessingDesk {
  readonly dir: DataDirectory;
  readonly log: OpenLog;
  readonly clock: StepClock;
  readonly file: PublishedFile;
  /** Real witnesses on files, by their names in the policy. */
  readonly witnesses: Readonly<Record<string, RunningDesk>>;
  readonly policy: string;
  /** All requests so far. */
  readonly asked: Asked[];
  readonly alerts: WitnessingAlert[];
  /** Of each of those, the path of its record. */
  readonly files: (string | undefined)[];
  readonly trouble: (readonly [code: string, witness: string | undefined])[];
  /** Answers in place of the witness of a name; absent: it answers itself. */
  readonly lies: Map<string, (honest: () => Promise<Response>, asked: Asked) => Promise<Response>>;
  start(options?: Partial<WitnessingOptions>, random?: number): Promise<Witnessing>;
  append(...entries: readonly string[]): Promise<void>;
}

/** So many witnesses, of which `quorum` (all, any, a number) have to cosign. */
export async function witnessingDesk({
  count = 1,
  quorum = 'all',
  dir,
  witnesses,
}: {
  count?: number;
  quorum?: string;
  dir?: DataDirectory;
  witnesses?: WitnessingDesk['witnesses'];
} = {}): Promise<WitnessingDesk> {
  const folder = dir ?? (await newDataDirectory());
  const log = await openLog({ dir: folder, clock: systemClock }, 'main');
  onTestFinished(() => log.close());
  const names = NAMES.slice(0, count);
  const desks = witnesses ?? (await runWitnesses(names, log));
  const lines = names.map(
    (name) => `witness ${name} ${desks[name]?.witness.vkey} https://${name}.example/w/`,
  );
  const policy = `${[...lines, `group q ${quorum} ${names.join(' ')}`, 'quorum q'].join('\n')}\n`;
  const clock = new StepClock();
  const file = publishedFile(logPaths(folder, 'main').root);
  const asked: Asked[] = [];
  const alerts: WitnessingAlert[] = [];
  const files: (string | undefined)[] = [];
  const trouble: [string, string | undefined][] = [];
  const lies: WitnessingDesk['lies'] = new Map();
  const fetch: Fetch = async (url, init) => {
    const { hostname, pathname } = new URL(url);
    const witness = hostname.replace('.example', '');
    const body = init.body === undefined ? '' : Buffer.from(init.body as Uint8Array).toString();
    const one = {
      witness,
      method: init.method ?? 'GET',
      path: pathname.replace('/w/', '/'),
      body,
      atMs: clock.monotonicMs(),
    };
    asked.push(one);
    const honest = async (): Promise<Response> => {
      const desk = desks[witness];
      if (desk === undefined) throw new TypeError('fetch failed');
      return desk.app.request(`http://w.example${one.path}`, { method: one.method, ...(body && { body }) });
    };
    return (await lies.get(witness)?.(honest, one)) ?? honest();
  };
  return {
    ...{ dir: folder, log, clock, file, witnesses: desks, policy, asked, alerts, files, trouble, lies },
    start: async (options = {}, random = 0) => {
      const witnessing = await Witnessing.start({
        ...{
          mode: 'require',
          maxWitnessLagMs: 10_000,
          intervalMs: () => 1_000,
          timeoutMs: 5_000,
          ...options,
        },
        ...{ log, policy: readWitnessPolicy(policy, log), file, clock, random: () => random, fetch },
        budget: new RequestBudget(32),
        keepAlert: async (alert) => {
          const kept = await keepWitnessingAlert(logPaths(folder, 'main').root, alert, clock.nowMs());
          alerts.push(alert);
          files.push(kept);
          return kept;
        },
        onTrouble: ({ code }: TlogError, witness) => trouble.push([code, witness]),
      });
      onTestFinished(() => witnessing.close());
      return witnessing;
    },
    append: async (...entries) => {
      if (entries.length > 0)
        await log.append({ entries: entries.map((entry) => new TextEncoder().encode(entry)) });
    },
  };
}

async function runWitnesses(names: readonly string[], log: OpenLog): Promise<Record<string, RunningDesk>> {
  const desks: Record<string, RunningDesk> = {};
  for (const name of names)
    desks[name] = await runWitness(await newWitness([log.vkeys[0] ?? ''], `${name}.example/w`));
  return desks;
}
