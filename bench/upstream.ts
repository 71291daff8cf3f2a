/**
 * What the proxies under test forward to: answers every request with the same 100 bytes, at as little
 * cost as a socket of Node allows. Prints `{"port":N}`.
 */
import { type AddressInfo, createServer } from 'node:net';
import { say } from './child.ts';
import { MessageReader } from './message-reader.ts';

const body = JSON.stringify({ answer: 'x'.repeat(87) });
const answer = `HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n${body}`;

const server = createServer({ noDelay: true }, (socket) => {
  const reader = new MessageReader();
  socket.on('data', (chunk: Buffer) => {
    const requests = reader.take(chunk).length;
    if (requests > 0) socket.write(answer.repeat(requests), 'latin1');
  });
  socket.on('error', () => undefined);
});
server.listen({ host: '127.0.0.1', port: 0 }, () => {
  say({ port: (server.address() as AddressInfo).port });
});
