import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import { type GatewayMessage, type Lease, names, parseGatewayMessage } from '../../api/index.ts';

/** The far side of the demand connection: keeps what gateways say. */
export class FakeAutoscaler implements AsyncDisposable {
  readonly messages: GatewayMessage[] = [];
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  address = '';
  /** Messages that were not of the protocol. */
  malformed = 0;

  private constructor() {
    this.#server = createServer((socket) => this.#serve(socket));
  }

  static async start(): Promise<FakeAutoscaler> {
    const autoscaler = new FakeAutoscaler();
    await new Promise<void>((resolve) => {
      autoscaler.#server.listen({ host: '127.0.0.1', port: 0 }, resolve);
    });
    autoscaler.address = `127.0.0.1:${(autoscaler.#server.address() as AddressInfo).port}`;
    return autoscaler;
  }

  of<K extends GatewayMessage['kind']>(kind: K): readonly Extract<GatewayMessage, { kind: K }>[] {
    return this.messages.filter(
      (message): message is Extract<GatewayMessage, { kind: K }> => message.kind === kind,
    );
  }

  /** The Lease by which gateways find it. */
  lease(): Lease {
    return {
      apiVersion: 'coordination.k8s.io/v1',
      kind: 'Lease',
      metadata: {
        name: names.autoscaler,
        namespace: names.systemNamespace,
        annotations: { [names.annotation.demandAddress]: this.address },
      },
      spec: { holderIdentity: this.address },
    };
  }

  /** Breaks all connections. */
  disconnect(): void {
    for (const socket of this.#sockets) socket.destroy();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.disconnect();
    if (!this.#server.listening) return;
    await new Promise<void>((resolve) => {
      this.#server.close(() => resolve());
    });
  }

  #serve(socket: Socket): void {
    this.#sockets.add(socket);
    socket.on('close', () => this.#sockets.delete(socket));
    socket.on('error', () => undefined);
    socket.setEncoding('utf8');
    let rest = '';
    socket.on('data', (chunk: string) => {
      const lines = (rest + chunk).split('\n');
      rest = lines.pop() ?? '';
      for (const line of lines) this.#take(socket, line);
    });
  }

  #take(socket: Socket, line: string): void {
    const message = parseGatewayMessage(line);
    if (message === undefined) {
      this.malformed += 1;
      return;
    }
    this.messages.push(message);
    if (message.kind === 'hello') socket.write('{"kind":"welcome"}\n');
  }
}
