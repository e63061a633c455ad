import { connect, createServer, type Socket } from 'node:net';

export interface CuttingProxy {
  readonly port: number;
  /** Everything that clients have sent, one buffer a connection. */
  readonly sent: readonly Buffer[];
  /** Acts once, on the first packet of a client that contains the text. */
  on(text: string, act: 'cut before it' | 'cut after it' | 'hold it'): void;
  /** Resolves when the text has come and was acted on. */
  acted(): Promise<void>;
  /** Lets go what is held. */
  release(): void;
  /** Cuts every connection and lets none through, until it is told to let them through again. */
  part(isParted: boolean): void;
  close(): Promise<void>;
}

/** In front of a server on this machine: forwards, records, and breaks connections at a chosen moment. */
export async function startCuttingProxy(serverPort: number): Promise<CuttingProxy> {
  const sockets = new Set<Socket>();
  const chunks: Buffer[][] = [];
  let rule: { text: string; act: Parameters<CuttingProxy['on']>[1] } | undefined;
  let held: (() => void) | undefined;
  let onActed: (() => void) | undefined;
  let acted = Promise.resolve();

  let isParted = false;

  const server = createServer((client) => {
    if (isParted) {
      client.destroy();
      return;
    }
    const upstream = connect(serverPort, '127.0.0.1');
    const sent: Buffer[] = [];
    chunks.push(sent);
    const cut = () => {
      client.destroy();
      upstream.destroy();
    };
    for (const socket of [client, upstream]) {
      sockets.add(socket);
      socket.on('error', () => {});
      socket.on('close', () => {
        sockets.delete(socket);
        cut();
      });
    }
    client.on('data', (data) => {
      sent.push(data);
      if (rule === undefined || !data.includes(rule.text)) {
        upstream.write(data);
        return;
      }
      const { act } = rule;
      rule = undefined;
      if (act === 'cut before it') cut();
      else if (act === 'hold it') held = () => upstream.write(data);
      else {
        // The answer comes, so it was carried out; nobody hears it.
        upstream.removeAllListeners('data');
        upstream.once('data', cut);
        upstream.write(data);
        upstream.once('close', () => onActed?.());
        return;
      }
      onActed?.();
    });
    upstream.on('data', (data) => client.write(data));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  return {
    port: address.port,
    get sent() {
      return chunks.map((parts) => Buffer.concat(parts));
    },
    on(text, act) {
      rule = { text, act };
      acted = new Promise((resolve) => {
        onActed = resolve;
      });
    },
    acted: () => acted,
    release() {
      held?.();
      held = undefined;
    },
    part(parted) {
      isParted = parted;
      if (parted) for (const socket of sockets) socket.destroy();
    },
    async close() {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
