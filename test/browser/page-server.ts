import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { createServer, type IncomingMessage, request, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

const FILE =
  /^\/(?:dist|spec\/vectors|test\/browser|node_modules\/(?:@noble\/hashes|cbor-x))\/[\w./-]+\.(m?js|json)$/;
const IMPORTS = {
  'stele/core': '/dist/core/core.js',
  'stele/client': '/dist/client/client.js',
  '@noble/hashes/': '/node_modules/@noble/hashes/',
  'cbor-x': '/node_modules/cbor-x/index.js',
};
/** No eval, no inline script but the import map: what strict pages allow. */
const POLICY = "default-src 'none'; script-src 'self' 'nonce-map'; connect-src *";
const HTML = `<!doctype html><meta charset="utf-8"><link rel="icon" href="data:,">
<script type="importmap" nonce="map">${JSON.stringify({ imports: IMPORTS })}</script>
<script type="module" src="/test/browser/page.mjs"></script>`;

/** An origin of its own: the page, the built modules as they are published, and a log below /logs/. */
export interface PageServer extends AsyncDisposable {
  readonly origin: string;
}

/** Serves the page; /logs/ goes on to `logServer`, as it does where one proxy stands before page and log. */
export async function servePage(logServer: string): Promise<PageServer> {
  const server = createServer((incoming, outgoing) => {
    if (incoming.url?.startsWith('/logs/') === true) return passOn(logServer, incoming, outgoing);
    void answer(incoming.url ?? '/', outgoing);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const close = async (): Promise<void> => {
    server.closeAllConnections();
    server.close();
  };
  return {
    origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    [Symbol.asyncDispose]: close,
  };
}

async function answer(path: string, outgoing: ServerResponse): Promise<void> {
  if (path === '/') {
    outgoing.writeHead(200, { 'Content-Type': 'text/html', 'Content-Security-Policy': POLICY }).end(HTML);
    return;
  }
  const kind = path.includes('..') ? undefined : FILE.exec(path)?.[1];
  const bytes = kind === undefined ? undefined : await readFile(`.${path}`).catch(() => undefined);
  const type = kind === 'json' ? 'application/json' : 'text/javascript';
  outgoing.writeHead(bytes === undefined ? 404 : 200, { 'Content-Type': type }).end(bytes);
}

function passOn(logServer: string, incoming: IncomingMessage, outgoing: ServerResponse): void {
  const { method, headers, url } = incoming;
  const onward = request(`${logServer}${url}`, {
    method,
    headers: { ...headers, host: new URL(logServer).host },
  });
  onward.on('response', (response) => {
    outgoing.writeHead(response.statusCode ?? 502, response.headers);
    response.pipe(outgoing);
  });
  onward.on('error', () => outgoing.destroy());
  incoming.pipe(onward);
}
