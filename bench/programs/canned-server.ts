import { readFile } from 'node:fs/promises';
import { type AddressInfo, createServer } from 'node:net';

/*
 * canned-server FILE TYPE: answers the bytes of FILE once for each request, without parsing one. A request's end is
 * known by its length, which is the same for all of a connection. It does next to nothing, so its rate is the most
 * that the load generator can make.
 */

const HEAD_END = '\r\n\r\n';

const [file, type] = process.argv.slice(2);
if (file === undefined || type === undefined) throw new TypeError('usage: canned-server FILE TYPE');
const body = await readFile(file);
const head = `HTTP/1.1 200 OK\r\nContent-Type: ${type}\r\nContent-Length: ${body.length}${HEAD_END}`;
const answer = Buffer.concat([Buffer.from(head), body]);

function requestBytes(chunk: Buffer): number {
  const headEnd = chunk.indexOf(HEAD_END);
  const length = /^content-length: *(\d+)/im.exec(chunk.toString('latin1', 0, headEnd))?.[1] ?? '0';
  return headEnd + HEAD_END.length + Number(length);
}

const server = createServer((socket) => {
  let each = 0;
  let waiting = 0;
  socket.on('data', (chunk) => {
    if (each === 0) each = requestBytes(chunk);
    for (waiting += chunk.length; waiting >= each; waiting -= each) socket.write(answer);
  });
  socket.on('error', () => socket.destroy());
});
server.listen(0, '127.0.0.1', () => {
  console.log(JSON.stringify({ url: `http://127.0.0.1:${(server.address() as AddressInfo).port}` }));
});
process.once('SIGTERM', () => process.exit(0));
