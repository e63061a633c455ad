import type { Server } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { codeOf, DataflowError, messageOf } from '../errors.ts';

const CLOSE_GRACE_MS = 1000;
/** A name that leads nowhere, or an address of another machine. */
const HOST_FAULT = /^(?:ENOTFOUND|EAI_\w+|EADDRNOTAVAIL|EAFNOSUPPORT|EINVAL)$/;

/** The open sockets of each server. Its own list begins with the first byte of HTTP, which for TLS is after the handshake. */
const connections = new WeakMap<Server, Set<Socket>>();

export interface ListenOptions {
  /** Empty = all interfaces. */
  readonly host: string;
  /** 0 = any free port. */
  readonly port: number;
  /** What is served, for messages: `metrics`. */
  readonly what: string;
  /** What sets each of them, for messages. */
  readonly settings: { readonly host: string; readonly port: string };
}

/**
 * Resolves with the port that the server listens on.
 * @throws DATAFLOW_ERR_SERVER_PORT_IN_USE, DATAFLOW_ERR_SERVER_LISTEN_FAILED
 */
export async function listen(server: Server, { host, port, what, settings }: ListenOptions): Promise<number> {
  keepConnections(server);
  try {
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen({ port, ...(host === '' ? {} : { host }) }, () => {
        server.off('error', reject);
        resolve();
      });
    });
    return (server.address() as AddressInfo).port;
  } catch (error) {
    const options = { cause: error, details: { host, port } };
    if (codeOf(error) === 'EADDRINUSE') {
      throw new DataflowError(
        'DATAFLOW_ERR_SERVER_PORT_IN_USE',
        `Port ${port} on ${host} is in use, so ${what} cannot be served there: stop what listens on it, or choose another port with ${settings.port} (0 = any free port).`,
        options,
      );
    }
    const remedy = HOST_FAULT.test(codeOf(error) ?? '')
      ? `name an address of this machine in ${settings.host} (0.0.0.0 = all of them; one of IPv6 is written without brackets)`
      : `choose another port with ${settings.port}, or another address with ${settings.host}`;
    throw new DataflowError(
      'DATAFLOW_ERR_SERVER_LISTEN_FAILED',
      `The server for ${what} cannot listen on ${host} port ${port} (${messageOf(error)}): ${remedy}.`,
      options,
    );
  }
}

/**
 * Ends within a second: responses in progress may finish, keep-alive connections and stuck clients may not hold it.
 * Of a server that `listen` has opened.
 */
export async function closeServer(server: Server): Promise<void> {
  await new Promise<void>((resolve) => {
    const timer = setTimeout(() => {
      for (const socket of connections.get(server) ?? []) socket.destroy();
    }, CLOSE_GRACE_MS);
    server.close(() => {
      clearTimeout(timer);
      resolve();
    });
    server.closeIdleConnections();
  });
}

function keepConnections(server: Server): void {
  if (connections.has(server)) return;
  const open = new Set<Socket>();
  connections.set(server, open);
  server.on('connection', (socket: Socket) => {
    open.add(socket);
    socket.once('close', () => open.delete(socket));
  });
}
