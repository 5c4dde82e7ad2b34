import { rmSync } from 'node:fs';
import { createServer } from 'node:net';

/*
 * Loaded into a server before its program: notes the longest time between two turns of the event loop. Each
 * connection to the socket $STALL_SOCKET is told it, in milliseconds, and begins a new count.
 */

const socket = process.env['STALL_SOCKET'];
if (socket === undefined) throw new TypeError('STALL_SOCKET names the socket of the probe');
const TICK_MS = 1;
let lastMs = performance.now();
let longestMs = 0;
setInterval(() => {
  const nowMs = performance.now();
  longestMs = Math.max(longestMs, nowMs - lastMs - TICK_MS);
  lastMs = nowMs;
}, TICK_MS).unref();
const server = createServer((connection) => {
  connection.on('error', () => undefined).end(`${longestMs}\n`);
  longestMs = 0;
});
server.listen(socket).unref();
process.once('exit', () => rmSync(socket, { force: true }));
