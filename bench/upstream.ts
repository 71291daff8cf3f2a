/**
 * What the proxies under test forward to: takes a body of any size and answers 100 bytes, or as many
 * as the query asks for, at as little cost as a socket of Node allows. Prints `{"port":N}`.
 */
import { type AddressInfo, createServer } from 'node:net';
import { say } from './child.ts';
import { answerParameter } from './load-protocol.ts';
import { MessageCounter } from './message-counter.ts';

const smallBytes = 100;
const answers = new Map<number, Buffer>();
const asked = new RegExp(`[?&]${answerParameter}=(\\d+)`);

function answerTo(head: string): Buffer {
  const line = head.slice(0, head.indexOf('\r'));
  const bytes = Number(asked.exec(line)?.[1] ?? smallBytes);
  let answer = answers.get(bytes);
  if (answer === undefined) {
    const start = `HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: ${bytes}\r\n\r\n`;
    answer = Buffer.concat([Buffer.from(start), Buffer.alloc(bytes, 'x')]);
    answers.set(bytes, answer);
  }
  return answer;
}

const server = createServer({ noDelay: true }, (socket) => {
  const counter = new MessageCounter();
  let head = '';
  let answer = answerTo(head);
  socket.on('data', (chunk: Buffer) => {
    for (let left = counter.take(chunk); left > 0; left -= 1) {
      if (counter.head !== head) {
        head = counter.head;
        answer = answerTo(head);
      }
      socket.write(answer);
    }
  });
  socket.on('error', () => undefined);
});
server.listen({ host: '127.0.0.1', port: 0 }, () => {
  say({ port: (server.address() as AddressInfo).port });
});
