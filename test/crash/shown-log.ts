import { Hono } from 'hono';
import { type RunningServer, startServer } from '../../src/http/server.ts';
import { testSigner } from '../support/growing-log.ts';
import { TileLog, type View } from '../support/tile-log.ts';

export const ORIGIN = 'crash.example/main';
const log = new TileLog(testSigner(ORIGIN));
export const VKEY: string = log.signer.vkey;

/** Who is shown something: the monitor that is killed, or its peer. */
export type Side = 'own' | 'peer';

/** An alert as an Alertmanager got it. */
export interface Arrived {
  readonly id: string;
  /** `stele_` and the kind. */
  readonly name: string;
  readonly file: string | undefined;
}

/** A log that shows each side what it is told to, with a pager beside it, over HTTP. */
export class ShownLog implements AsyncDisposable {
  /** Changed by whoever has opened it. */
  readonly views: Record<Side, View>;
  /** Called when the own side is about to see a head. */
  onLook: () => void = () => undefined;
  readonly arrived: Arrived[] = [];
  /** Indexes of the entry bundles that the own side has asked for. */
  readonly bundles: number[] = [];
  #server: RunningServer | undefined;

  private constructor(views: Record<Side, View>) {
    this.views = { ...views };
  }

  static async open(views: Record<Side, View>): Promise<ShownLog> {
    const shown = new ShownLog(views);
    const app = new Hono();
    for (const side of ['own', 'peer'] as const)
      app.get(`/${side}/*`, (c) => shown.#answer(side, c.req.url.slice(c.req.url.indexOf(`/${side}/`))));
    app.post('/pager/api/v2/alerts', async (c) => {
      shown.arrived.push(...(await c.req.json()).map(arrivedIn));
      return c.body(null, 200);
    });
    shown.#server = await startServer(app, { hostname: '127.0.0.1', port: 0 });
    return shown;
  }

  get url(): string {
    return `http://127.0.0.1:${this.#server?.port}`;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#server?.close();
  }

  #answer(side: Side, path: string): Promise<Response> {
    const below = path.slice(`/${side}`.length);
    const bundle = /^\/tile\/entries\/((?:x\d{3}\/)*\d{3})/.exec(below)?.[1];
    if (side === 'own' && bundle !== undefined) this.bundles.push(Number(bundle.replace(/[x/]/g, '')));
    if (side === 'own' && below === '/checkpoint') this.onLook();
    return log.answer(this.views[side], `http://log${below}`);
  }
}

interface Posted {
  readonly labels: { readonly id: string; readonly alertname: string };
  readonly annotations: { readonly evidence_file?: string };
}

function arrivedIn({ labels, annotations }: Posted): Arrived {
  return { id: labels.id, name: labels.alertname, file: annotations.evidence_file };
}
