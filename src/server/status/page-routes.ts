import type { FastifyReply, FastifyRequest } from 'fastify';
import { DataflowError } from '../../errors.ts';
import { acceptsGzip } from '../accepted.ts';
import { requestPath } from '../request-path.ts';
import type { PageFile, PageFiles } from './page-files.ts';

/** Answers a GET of the page or one of its files; false where the path is none of them. */
export function servePage(files: PageFiles, request: FastifyRequest, reply: FastifyReply): boolean {
  const file = fileFor(files, request);
  if (file === undefined) return false;
  void reply.headers({ etag: file.etag, 'cache-control': file.cacheControl, vary: 'accept-encoding' });
  if (request.headers['if-none-match'] === file.etag) {
    void reply.code(304).send();
    return true;
  }
  const isPacked = file.gzipped !== undefined && acceptsGzip(String(request.headers['accept-encoding'] ?? ''));
  if (isPacked) void reply.header('content-encoding', 'gzip');
  void reply.type(file.type).send(isPacked ? file.gzipped : file.bytes);
  return true;
}

/** The page itself for any path that a person may have typed: it routes by the part after `#`. */
function fileFor(files: PageFiles, { method, url, headers }: FastifyRequest): PageFile | undefined {
  if (method !== 'GET' && method !== 'HEAD') return undefined;
  const path = requestPath(url);
  const file = files.get(path);
  if (file !== undefined || isApiPath(path) || path.startsWith('/assets/')) return file;
  return headers.accept?.includes('text/html') === true ? files.get('/') : undefined;
}

export function isApiPath(path: string): boolean {
  return /^\/(?:api|status|health)(?:[/?]|$)/.test(path);
}

export function notFound({ method, url }: FastifyRequest, files: PageFiles): DataflowError {
  const path = requestPath(url).slice(0, 200);
  const missing =
    path === '/' && files.size === 0 ? 'The page was not built: run npm run build. ' : `There is nothing at ${path}. `;
  return new DataflowError(
    'DATAFLOW_ERR_API_NOT_FOUND',
    `${missing}What there is for ${method} and others is in /api/v1/openapi.json.`,
  );
}
