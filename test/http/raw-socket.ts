import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { onTestFinished } from 'vitest';
import { type RunningServer, SERVER_LIMITS, type ServerLimits, startServer } from '../../src/http/server.ts';
import { newServer, type TestServer } from './new-server.ts';

/** A server on a socket of its own. */
export interface Listening extends TestServer {
  readonly server: RunningServer;
}

/** Listens on a free port with the bounds that a server has, but for those given; closed when the test is over. */
export async function listening(limits: Partial<ServerLimits> = {}): Promise<Listening> {
  const served = await newServer();
  const at = { hostname: '127.0.0.1', port: 0 };
  const server = await startServer(served.app, at, { ...SERVER_LIMITS, drainMs: 0, ...limits });
  onTestFinished(() => server.close());
  return { ...served, server };
}

/** What comes back on a connection until the server ends it. */
export async function answerTo(port: number, ...parts: (string | Uint8Array)[]): Promise<string> {
  const socket = connect(port, '127.0.0.1');
  // The server may end a connection while we still send.
  socket.on('error', () => undefined);
  for (const part of parts) socket.write(part);
  return received(socket);
}

/** What comes on a connection until it ends. */
export async function received(socket: Socket): Promise<string> {
  const chunks: Buffer[] = [];
  socket.on('data', (chunk: Buffer) => chunks.push(chunk));
  await once(socket, 'close');
  return Buffer.concat(chunks).toString('latin1');
}

/** Status, type and code of an answer. */
export function refusal(answer: string): [number, string | undefined, string | undefined] {
  const type = /^content-type: (.*?)\r$/im.exec(answer)?.[1];
  return [Number(answer.slice(9, 12)), type, /"code":"([a-z_]+)"/.exec(answer)?.[1]];
}

export const PROBLEM = 'application/problem+json';
export const CLOSE = 'Host: x\r\nConnection: close\r\n';
/** The head of an append of one entry. */
export const post = (authorization: string, more: string): string =>
  `POST /logs/main/entries HTTP/1.1\r\n${CLOSE}Authorization: ${authorization}\r\nContent-Type: application/octet-stream\r\n${more}\r\n`;
