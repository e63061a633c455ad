/**
 * The path of a request target, without the query. A server has to take the absolute form that is meant for proxies, too
 * (RFC 9112, section 3.2.2): `http://localhost:9095/metrics`.
 */
export function requestPath(target: string): string {
  const path = target.replace(/^https?:\/\/[^/?#]*/i, '').split('?', 1)[0]!;
  return path === '' ? '/' : path;
}
