import { connect, createServer, type Socket } from 'node:net';

export interface CuttingProxy {
  readonly port: number;
  /** Everything that clients have sent, one buffer a connection. */
  readonly sent: readonly Buffer[];
  /** Acts once, on the first packet of a client that contains the text. */
  on(text: string, act: 'cut before it' | 'cut after it' | 'hold it'): void;
  /**
   * Acts once, when so many more bytes have gone this way, over whichever connections; what comes after them is lost.
   * Counts from the first packet of a client that contains the text, where there is one.
   */
  cutAfter(bytes: number, way: 'to the server' | 'to the client', act: 'end' | 'reset', since?: string): void;
  /** Resolves when what was ordered has happened. */
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
  let limit: { left: number; way: string; act: 'end' | 'reset'; since: string | undefined } | undefined;
  let held: (() => void) | undefined;
  let onActed: (() => void) | undefined;
  let acted = Promise.resolve();

  let isParted = false;
  const order = () => {
    acted = new Promise((resolve) => {
      onActed = resolve;
    });
  };

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
    /** True when these bytes reach the limit: the first of them go on, then both sides hear of the cut. */
    const isLast = (to: Socket, way: string, data: Buffer): boolean => {
      if (limit?.way !== way || limit.since !== undefined) return false;
      limit.left -= data.length;
      if (limit.left > 0) return false;
      const { left, act } = limit;
      limit = undefined;
      for (const socket of [client, upstream]) socket.removeAllListeners('data');
      to.write(data.subarray(0, data.length + left), () => {
        for (const socket of [client, upstream]) act === 'reset' ? socket.resetAndDestroy() : socket.destroy();
        onActed?.();
      });
      return true;
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
      if (limit?.since !== undefined && data.includes(limit.since)) limit.since = undefined;
      if (isLast(upstream, 'to the server', data)) return;
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
    upstream.on('data', (data) => {
      if (!isLast(client, 'to the client', data)) client.write(data);
    });
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
      order();
    },
    cutAfter(bytes, way, act, since) {
      limit = { left: bytes, way, act, since };
      order();
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
