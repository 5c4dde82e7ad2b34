import type { Context, Hono } from 'hono';
import type { Alerter } from '../alert/alerter.ts';
import { TlogError } from '../core/error.ts';
import { parseBundlePath, parseTilePath } from '../core/tile/path.ts';
import type { Gossip } from '../monitor/gossip.ts';
import { GOSSIP_BYTES_MAX } from '../monitor/gossip-text.ts';
import { mirrorBundle, mirrorOf, mirrorTile } from '../monitor/mirror.ts';
import type { Monitor } from '../monitor/running-monitor.ts';
import { OCTETS, textAnswer } from './answer.ts';
import { type BodyLimit, readBody } from './body.ts';
import { BodyMemory } from './body-memory.ts';
import { createMonitorMetrics } from './monitor-metrics.ts';
import { createPartyApp, READ } from './party-app.ts';
import { peerAddress } from './peer-address.ts';
import { rawPath } from './raw-path.ts';

const BODY: BodyLimit = { bytesMax: GOSSIP_BYTES_MAX, code: 'body_too_large' };
const IMMUTABLE = 'public, max-age=31536000, immutable';

/** What the interface of a monitor is made with. */
export interface MonitorAppDeps {
  readonly monitor: Monitor;
  readonly gossip: Gossip;
  readonly alerter: Pick<Alerter, 'status'>;
  /** Gets what was answered with 500. */
  readonly onBug?: (thrown: unknown) => void;
}

/** The HTTP interface of spec/monitor.md and spec/gossip.md; every refusal is problem+json with a code. */
export function createMonitorApp({ monitor, gossip, alerter, onBug }: MonitorAppDeps): Hono {
  const metrics = createMonitorMetrics(monitor, alerter);
  const bodies = new BodyMemory();
  return createPartyApp({
    metrics,
    routes: (app) => {
      app.get(GOSSIP, (c) => c.json({ checkpoints: gossip.heads(peerAddress(c)) }));
      app.post(GOSSIP, async (c) => {
        gossip.admit(peerAddress(c));
        const answer = await gossip.answer(await readBody(c, BODY, bodies));
        for (const result of answer.results)
          metrics.heard('outcome' in result ? result.outcome : result.code);
        return c.json(answer);
      });
      app.get(CHECKPOINT, (c) => checkpoint(monitor, c.req.param('hash')));
      app.get(TILE, (c) => tile(c, monitor));
    },
    methods: { [GOSSIP]: `${READ}, POST`, [CHECKPOINT]: READ, [TILE]: READ },
    onBug,
  });
}

const GOSSIP = '/gossip/v1/checkpoints';
const CHECKPOINT = '/:hash{[0-9a-f]{64}}/checkpoint';
const TILE = '/:hash{[0-9a-f]{64}}/tile/*';

function checkpoint(monitor: Monitor, hash: string): Response {
  const record = monitor.byHash(hash)?.follower.state.record;
  if (record === undefined)
    throw new TlogError('unknown_origin', 'nothing was verified of an origin of this hash');
  return textAnswer(record.note);
}

/** A tile or bundle of the verified tree. It never changes, as no tree shrinks here. */
async function tile(c: Context, monitor: Monitor): Promise<Response> {
  const found = monitor.byHash(c.req.param('hash') ?? '');
  if (found === undefined || !found.log.mirror)
    throw new TlogError('unknown_origin', 'no log of this hash is mirrored');
  const path = rawPath(c).slice('/'.length + 64 + '/'.length);
  const state = mirrorOf(found.follower.state);
  const isBundle = path.startsWith('tile/entries/');
  const bytes = await (isBundle
    ? mirrorBundle(state, parseBundlePath(path))
    : mirrorTile(state, parseTilePath(path)));
  if (bytes === undefined)
    throw new TlogError('beyond_log_head', `${state.record?.size ?? 0} entries were verified`, {
      details: { treeSize: state.record?.size ?? 0 },
    });
  return new Response(new Uint8Array(bytes), { headers: { ...OCTETS, 'Cache-Control': IMMUTABLE } });
}
