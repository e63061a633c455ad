import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';

/** Requests that a client may send ahead of the answers to those before (pipelining). */
const LIMIT = 100;

/**
 * Lets the requests of one connection begin one after the other. Their answers go out in this order anyway, and what is
 * begun earlier holds memory for nothing.
 */
export class RequestsAhead {
  readonly #waiting = new WeakMap<Socket, number>();

  /**
   * Begins at once, or when the answers before it are out; never, if the connection ends before that. False where too many
   * wait already.
   */
  inOrder({ socket }: IncomingMessage, response: ServerResponse, begin: () => void): boolean {
    if (response.socket !== null) {
      begin();
      return true;
    }
    const waiting = this.#waiting.get(socket) ?? 0;
    if (waiting >= LIMIT) return false;
    this.#waiting.set(socket, waiting + 1);
    response.once('socket', () => {
      this.#waiting.set(socket, (this.#waiting.get(socket) ?? 1) - 1);
      // Node is not done with the response at this point.
      process.nextTick(() => {
        if (!response.destroyed) begin();
      });
    });
    return true;
  }
}
