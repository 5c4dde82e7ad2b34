import { createHmac } from 'node:crypto';
import type { LookupFunction } from 'node:net';
import { parseBase64 } from '../../core/encoding/base64.ts';
import { TlogError } from '../../core/error.ts';
import type { Clock } from '../../runtime/clock.ts';
import { tellingId } from '../alert.ts';
import { postJson } from '../post.ts';
import type { Sink } from '../sink.ts';

const SECRET_BYTES_MIN = 24;
const SECRET_BYTES_MAX = 64;

/** Where a webhook goes and how it is signed. */
export interface WebhookOptions {
  readonly name: string;
  readonly url: URL;
  /** `whsec_` and the base64 of 24 to 64 bytes. */
  readonly secret: string;
  readonly allowInternal: boolean;
  readonly clock: Clock;
  /** Tests replace how a name is looked up. */
  readonly lookup?: LookupFunction;
}

/** POSTs each alert in the form of Standard Webhooks; 2xx is taken. @throws TlogError invalid_config for a bad secret */
export function webhookSink(options: WebhookOptions): Sink {
  const { name, url, allowInternal, clock, lookup } = options;
  const key = secretKey(options.secret);
  return {
    name,
    async deliver(alert, signal) {
      const { at, kind } = alert;
      const body = JSON.stringify({ type: `stele.alert.${kind}`, timestamp: at, data: alert });
      const headers = signedHeaders({
        id: `msg_${tellingId(alert)}`,
        nowSec: Math.floor(clock.nowMs() / 1_000),
        body,
        key,
      });
      const looked = lookup === undefined ? {} : { lookup };
      await postJson({ url, headers, body, signal, allowInternal, ...looked });
    },
  };
}

interface Signed {
  readonly id: string;
  /** The time of this try: a receiver refuses old ones. */
  readonly nowSec: number;
  readonly body: string;
  readonly key: Uint8Array;
}

/** The three headers of Standard Webhooks 1.0: HMAC-SHA256 over id, time and body. */
function signedHeaders({ id, nowSec, body, key }: Signed): Record<string, string> {
  const mac = createHmac('sha256', key).update(`${id}.${nowSec}.${body}`).digest('base64');
  return { 'webhook-id': id, 'webhook-timestamp': String(nowSec), 'webhook-signature': `v1,${mac}` };
}

function secretKey(secret: string): Uint8Array {
  const [, text = ''] = /^whsec_(.+)$/.exec(secret) ?? [];
  const key = bytesIn(text);
  if (key.length >= SECRET_BYTES_MIN && key.length <= SECRET_BYTES_MAX) return key;
  throw new TlogError(
    'invalid_config',
    `the secret of a webhook is whsec_ and the base64 of ${SECRET_BYTES_MIN} to ${SECRET_BYTES_MAX} random bytes`,
  );
}

function bytesIn(text: string): Uint8Array {
  try {
    return parseBase64(text);
  } catch {
    return new Uint8Array(0); // TlogError malformed_base64: refused for its length, without a word of the secret
  }
}
