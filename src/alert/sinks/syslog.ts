import { createSocket } from 'node:dgram';
import { connect } from 'node:net';
import { hostname } from 'node:os';
import { TlogError } from '../../core/error.ts';
import { type AlertSeverity, alertText, type RaisedAlert } from '../alert.ts';
import type { Sink } from '../sink.ts';

/** Facility 3, system daemons. */
const FACILITY = 3;
const SEVERITIES: Readonly<Record<AlertSeverity, number>> = { critical: 2, warning: 4, info: 6 };
/** What every receiver takes (RFC 5424 6.1). */
const BYTES_MAX = 2_048;
/** The number that RFC 5612 sets aside for examples: the project has none of its own. */
const STRUCTURE = 'stele@32473';

/** `udp://host:port` or `tcp://host:port`. */
export interface SyslogOptions {
  readonly name: string;
  readonly address: URL;
}

/**
 * Sends RFC 5424 messages, one a datagram (RFC 5426), or one a connection with its length in front (RFC 6587). UDP tells
 * nothing of what arrives: at least once holds for TCP, up to the other side's socket.
 */
export function syslogSink({ name, address }: SyslogOptions): Sink {
  const at = { host: address.hostname.replace(/^\[(.*)\]$/, '$1'), port: Number(address.port) };
  const send = address.protocol === 'udp:' ? sendDatagram : sendFrame;
  return {
    name,
    async deliver(alert, signal) {
      await send(at, syslogMessage(alert), signal).catch((cause: Error) => {
        throw new TlogError('not_delivered', `${address.host}: ${cause.message}`, { cause });
      });
    },
  };
}

/** One message, at most 2,048 bytes: a longer text is cut at a whole character. */
export function syslogMessage(alert: RaisedAlert): Uint8Array {
  const { severity, at, kind, id, log, evidenceFile, next } = alert;
  const fields = Object.entries({ id, log, next, ...(evidenceFile === undefined ? {} : { evidenceFile }) });
  const structure = fields.map(([key, value]) => ` ${key}="${escaped(value.slice(0, 300))}"`).join('');
  const host =
    hostname()
      .replace(/[^\x21-\x7e]/g, '')
      .slice(0, 255) || '-';
  const header = `<${FACILITY * 8 + SEVERITIES[severity]}>1 ${at} ${host} stele - ${kind} [${STRUCTURE}${structure}] \ufeff`;
  const text = alertText(alert).trimEnd().replaceAll('\n', '; ');
  return cut(new TextEncoder().encode(header + text));
}

/** RFC 5424 6.3.3 */
function escaped(value: string): string {
  return value.replace(/["\\\]]/g, (character) => `\\${character}`);
}

function cut(bytes: Uint8Array): Uint8Array {
  let end = Math.min(bytes.length, BYTES_MAX);
  // A byte 10xxxxxx goes on with the character before it.
  while (end < bytes.length && end > 0 && ((bytes[end] ?? 0) & 0xc0) === 0x80) end -= 1;
  return bytes.subarray(0, end);
}

interface Address {
  readonly host: string;
  readonly port: number;
}

async function sendDatagram({ host, port }: Address, message: Uint8Array): Promise<void> {
  const socket = createSocket(host.includes(':') ? 'udp6' : 'udp4');
  try {
    await new Promise<void>((resolve, reject) => {
      socket.on('error', reject);
      socket.send(message, port, host, (error) => (error === null ? resolve() : reject(error)));
    });
  } finally {
    socket.close();
  }
}

function sendFrame(at: Address, message: Uint8Array, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const socket = connect(at);
    const onAbort = (): void => void socket.destroy(new Error('no connection in time'));
    signal.addEventListener('abort', onAbort, { once: true });
    socket.on('error', reject);
    socket.on('close', (hadError) => {
      signal.removeEventListener('abort', onAbort);
      if (!hadError) resolve();
    });
    // Read, or the end of the other side would never be seen.
    socket.resume();
    socket.end(Buffer.concat([Buffer.from(`${message.length} `), message]));
  });
}
