import { setMaxListeners } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { formatBundlePath } from '../../src/core/tile/path.ts';
import { ENTRY_TYPE, type SteleServer } from '../peers/stele.ts';
import { RawConnection } from './raw-connection.ts';

/** A body that drips: so many bytes at a time, so often, from so many clients. */
const DRIP_CLIENTS = 100;
const DRIP_BYTES = 200;
const DRIP_MS = 250;
/** A dripping body's announced length: at this pace it is sent in 25 s, within the time a request has. */
const DRIP_LENGTH = 20_000;
const PAUSE_MS = 1_000;
const BUNDLE_ENTRIES = 256;

/** Who is there beside the load; disposing ends them. */
export interface Bystanders extends Disposable {
  /** Entries that the reader has read, and bodies that the slow clients have sent to their end. */
  counts(): { readonly entriesRead: number; readonly bodiesSent: number };
}

/** Slow clients, and one that reads all entries of the log again and again. `size`: entries that are there. */
export function startBystanders(server: SteleServer, size: number): Bystanders {
  const { hostname, port } = new URL(server.root);
  const stop = new AbortController();
  setMaxListeners(0, stop.signal);
  const counted = { entriesRead: 0, bodiesSent: 0 };
  const open = (): RawConnection => {
    const made = new RawConnection(Number(port), hostname, () => {});
    stop.signal.addEventListener('abort', () => made.destroy());
    return made;
  };
  for (let i = 0; i < DRIP_CLIENTS; i += 1)
    void drip(server, open, stop.signal, () => {
      counted.bodiesSent += 1;
    });
  void readAll(open, stop.signal, size, () => {
    counted.entriesRead += BUNDLE_ENTRIES;
  });
  return { counts: () => ({ ...counted }), [Symbol.dispose]: () => stop.abort() };
}

async function drip(
  server: SteleServer,
  open: () => RawConnection,
  signal: AbortSignal,
  onSent: () => void,
): Promise<void> {
  const headers = Object.entries(server.headers(ENTRY_TYPE))
    .map(([k, v]) => `${k}: ${v}\r\n`)
    .join('');
  const head = `POST /logs/main/entries HTTP/1.1\r\nHost: bench\r\n${headers}Content-Length: ${DRIP_LENGTH}\r\n\r\n`;
  while (!signal.aborted) {
    const connection = open();
    let isOver = false;
    connection.send(head, undefined, (answer) => {
      isOver = true;
      if (answer?.status === 201) onSent();
    });
    for (let sent = 0; sent < DRIP_LENGTH && !isOver && !signal.aborted; sent += DRIP_BYTES) {
      connection.more(Buffer.alloc(DRIP_BYTES, 'x'));
      await sleep(DRIP_MS);
    }
    await sleep(PAUSE_MS);
    connection.destroy();
  }
}

async function readAll(
  open: () => RawConnection,
  signal: AbortSignal,
  size: number,
  onBundle: () => void,
): Promise<void> {
  const bundles = Math.floor(size / BUNDLE_ENTRIES);
  let connection = open();
  for (let i = 0; !signal.aborted; i = (i + 1) % bundles) {
    const path = `/logs/main/${formatBundlePath({ index: i, width: BUNDLE_ENTRIES })}`;
    const status = await new Promise<number>((resolve) => {
      connection.send(`GET ${path} HTTP/1.1\r\nHost: bench\r\n\r\n`, undefined, (answer) =>
        resolve(answer?.status ?? 0),
      );
    });
    if (status === 200) onBundle();
    else await sleep(50);
    if (!connection.isOpen) connection = open();
  }
}
