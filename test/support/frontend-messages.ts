/** What a PostgreSQL client has sent on one connection: the parameters it started with, and its messages by type. */
export interface FrontendMessages {
  readonly startup: Readonly<Record<string, string>>;
  readonly messages: readonly { readonly type: string; readonly body: Buffer }[];
}

export function parseFrontend(sent: Buffer): FrontendMessages {
  const startupLength = sent.readInt32BE(0);
  const words = sent.subarray(8, startupLength).toString().split('\0');
  const startup: Record<string, string> = {};
  for (let index = 0; words[index]; index += 2) startup[words[index]!] = words[index + 1]!;
  const messages: { type: string; body: Buffer }[] = [];
  for (let at = startupLength; at < sent.length; ) {
    const length = sent.readInt32BE(at + 1);
    messages.push({ type: String.fromCharCode(sent[at]!), body: sent.subarray(at + 5, at + 1 + length) });
    at += 1 + length;
  }
  return { startup, messages };
}
