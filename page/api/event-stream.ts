/** One message of a server-sent event stream. */
export interface StreamMessage {
  readonly event: string;
  readonly data: string;
}

/**
 * Cuts a server-sent event stream, as it comes in pieces, into messages. Comments (heartbeats) are dropped: that bytes
 * came at all is what tells a live connection.
 */
export class EventStreamParser {
  #rest = '';
  #event = '';
  #data: string[] = [];

  push(text: string): readonly StreamMessage[] {
    const messages: StreamMessage[] = [];
    const lines = (this.#rest + text).split(/\r\n|\n|\r(?=[^\n])/);
    this.#rest = lines.pop() ?? '';
    for (const line of lines) {
      if (line === '') this.#dispatch(messages);
      else this.#field(line);
    }
    return messages;
  }

  #field(line: string): void {
    const colon = line.indexOf(':');
    if (colon === 0) return;
    const name = colon === -1 ? line : line.slice(0, colon);
    const value = colon === -1 ? '' : line.slice(colon + 1).replace(/^ /, '');
    if (name === 'event') this.#event = value;
    else if (name === 'data') this.#data.push(value);
  }

  #dispatch(messages: StreamMessage[]): void {
    if (this.#data.length > 0) messages.push({ event: this.#event || 'message', data: this.#data.join('\n') });
    this.#event = '';
    this.#data = [];
  }
}
