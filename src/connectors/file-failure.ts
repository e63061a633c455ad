import { codeOf, DataflowError, type ErrorCode, messageOf } from '../errors.ts';

/** A condition that passes when someone makes room; its code is one that pipelines retry. */
class ResourceExhausted extends Error {
  readonly code = 'RESOURCE_EXHAUSTED';
}

const EXHAUSTED = new Set(['ENOSPC', 'EDQUOT', 'EFBIG', 'EMFILE', 'ENFILE', 'ENOMEM']);

/**
 * A failed file operation as an error of ours. No room, no file handle: code RESOURCE_EXHAUSTED, to be retried; missing:
 * `missing`; else `otherwise`. Errors that have a code of ours already pass unchanged.
 */
export function fileFailure(
  error: unknown,
  doing: string,
  path: string,
  missing: ErrorCode,
  otherwise: ErrorCode,
): Error {
  const code = codeOf(error);
  if (code !== undefined && /^DATAFLOW_ERR_|^RESOURCE_EXHAUSTED$/.test(code)) return error as Error;
  if (code !== undefined && EXHAUSTED.has(code)) {
    return new ResourceExhausted(`${doing} ${path} found no room (${code}); make room and it goes on.`, {
      cause: error,
    });
  }
  const chosen = code === 'ENOENT' ? missing : otherwise;
  const remedy =
    code === 'ENOENT'
      ? 'Check the path; a relative one starts at the working directory.'
      : code === 'EACCES' || code === 'EPERM' || code === 'EROFS'
        ? 'Give this user the permission, or choose another path.'
        : 'Check the file and its device.';
  const message = `${doing} ${path} failed: ${reasonOf(code, error)}. ${remedy}`;
  return new DataflowError(chosen, message, { cause: error, details: { path, ...(code && { systemCode: code }) } });
}

function reasonOf(code: string | undefined, error: unknown): string {
  switch (code) {
    case 'ENOENT':
      return 'it does not exist';
    case 'EACCES':
    case 'EPERM':
      return 'permission is denied';
    case 'EROFS':
      return 'the file system is read-only';
    case 'EISDIR':
      return 'it is a directory';
    case 'ENOTDIR':
      return 'a part of the path is not a directory';
    default:
      return messageOf(error).split('\n', 1)[0]!;
  }
}
