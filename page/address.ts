export interface Route {
  /** The first word of the hash; empty for the overview. */
  readonly view: string;
  /** What comes after it, for instance a pipeline's id. */
  readonly id: string | null;
  readonly parameters: URLSearchParams;
}

export function routeOf(hash: string): Route {
  const [path = '', query = ''] = hash.replace(/^#\/?/, '').split('?', 2);
  const slash = path.indexOf('/');
  const view = slash === -1 ? path : path.slice(0, slash);
  return { view, id: slash === -1 ? null : decoded(path.slice(slash + 1)), parameters: new URLSearchParams(query) };
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

export const pipelineHash = (id: string): string => `#/pipelines/${encodeURIComponent(id)}`;
