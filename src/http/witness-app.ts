import type { Context, Hono } from 'hono';
import { Counter, Gauge, Registry } from 'prom-client';
import { TlogError } from '../core/error.ts';
import { TLOG_SIZE_TYPE } from '../core/note/add-checkpoint.ts';
import type { Witness } from '../witness/running-witness.ts';
import { type AlertSource, createAlertMetrics } from './alert-metrics.ts';
import { textAnswer } from './answer.ts';
import { type BodyLimit, readBody } from './body.ts';
import { BodyMemory } from './body-memory.ts';
import { createPartyApp, READ } from './party-app.ts';

/** A proof of 63 hashes takes 3 KB; the rest is for notes with large signatures. */
const BODY: BodyLimit = { bytesMax: 64 * 1024, code: 'body_too_large' };

/** What the interface of a witness is made with. */
export interface WitnessAppDeps {
  readonly witness: Witness;
  readonly alerts?: AlertSource;
  /** Gets what was answered with 500. */
  readonly onBug?: (thrown: unknown) => void;
}

/** The HTTP interface of spec/witness.md; its refusals are problem+json, but for 409, which c2sp.org/tlog-witness fixes. */
export function createWitnessApp({ witness, alerts = () => [], onBug }: WitnessAppDeps): Hono {
  const metrics = createWitnessMetrics(witness, alerts);
  const bodies = new BodyMemory();
  return createPartyApp({
    metrics,
    routes: (app) => {
      app.post('/add-checkpoint', (c) => addCheckpoint(c, { witness, bodies, count: metrics.count }));
      app.get(CHECKPOINT, (c) => cosigned(witness, c.req.param('hash')));
    },
    methods: { '/add-checkpoint': 'POST', [CHECKPOINT]: READ },
    onBug,
  });
}

const CHECKPOINT = '/:hash{[0-9a-f]{64}}/checkpoint';

interface AddCheckpointDeps {
  readonly witness: Witness;
  readonly bodies: BodyMemory;
  readonly count: (outcome: string) => void;
}

async function addCheckpoint(c: Context, { witness, bodies, count }: AddCheckpointDeps): Promise<Response> {
  try {
    const outcome = await witness.addCheckpoint(await readBody(c, BODY, bodies));
    count(outcome.kind);
    if (outcome.kind === 'cosigned') return textAnswer(outcome.lines);
    return new Response(`${outcome.size}\n`, { status: 409, headers: { 'Content-Type': TLOG_SIZE_TYPE } });
  } catch (error) {
    count(error instanceof TlogError ? error.code : 'internal');
    throw error;
  }
}

function cosigned(witness: Witness, hash: string): Response {
  const note = witness.checkpoint(hash);
  if (note === undefined)
    throw new TlogError('unknown_origin', 'nothing was cosigned for an origin of this hash');
  return textAnswer(note);
}

interface WitnessMetrics {
  readonly contentType: string;
  count(outcome: string): void;
  text(): Promise<string>;
}

/** Every label has few values: origins are those of the list. */
function createWitnessMetrics(witness: Witness, alerts: AlertSource): WitnessMetrics {
  const registry = new Registry();
  const registers = [registry];
  const labelNames = ['origin'];
  createAlertMetrics(registers, alerts);
  const requests = new Counter({
    name: 'stele_witness_requests_total',
    help: 'Requests to cosign, by what came of them',
    labelNames: ['outcome'],
    registers,
  });
  const size = new Gauge({
    name: 'stele_witness_tree_size',
    help: 'Tree size that was cosigned last',
    labelNames,
    registers,
  });
  const time = new Gauge({
    name: 'stele_witness_cosigned_timestamp_seconds',
    help: 'Time of the last cosignature',
    labelNames,
    registers,
  });
  const refused = new Gauge({
    name: 'stele_witness_refused_logs',
    help: 'Logs for which nothing is cosigned, their record being in doubt',
    registers,
  });
  const refresh = (): void => {
    size.reset();
    time.reset();
    const logs = witness.logs();
    refused.set(logs.filter((log) => log.refused !== undefined).length);
    for (const { origin, size: cosignedSize, timeSec } of logs) {
      if (cosignedSize !== undefined) size.set({ origin }, cosignedSize);
      if (timeSec !== undefined) time.set({ origin }, timeSec);
    }
  };
  return {
    contentType: registry.contentType,
    count: (outcome) => requests.inc({ outcome }),
    text: async () => {
      await witness.follow();
      refresh();
      return registry.metrics();
    },
  };
}
