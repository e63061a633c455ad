import { readFile } from 'node:fs/promises';
import { createSecureContext } from 'node:tls';
import { DataflowError, messageOf } from '../errors.ts';

export interface TlsFiles {
  /** PEM: the certificate, followed by those that lead to a trusted one. */
  readonly cert: string;
  /** PEM: its private key. */
  readonly key: string;
}

/** @throws DATAFLOW_ERR_SERVER_TLS_INVALID for a file that cannot be read, holds no PEM, is encrypted, or does not fit the other. */
export async function readTlsFiles(files: TlsFiles): Promise<{ readonly cert: Buffer; readonly key: Buffer }> {
  const [cert, key] = await Promise.all([read(files.cert, 'tls.cert'), read(files.key, 'tls.key')]);
  try {
    createSecureContext({ cert, key });
  } catch (error) {
    if (key.includes('ENCRYPTED')) throw encrypted(files.key, error);
    throw invalid(`${files.cert} and ${files.key} are no pair of certificate and key (${messageOf(error)})`, error);
  }
  return { cert, key };
}

function encrypted(path: string, cause: unknown): DataflowError {
  return new DataflowError(
    'DATAFLOW_ERR_SERVER_TLS_INVALID',
    `Metrics cannot be served over HTTPS: the private key ${path} is encrypted. Decrypt it into a file that the platform alone may read (openssl pkey -in ${path} -out decrypted.key), and name that in metrics.prometheus.tls.key.`,
    { cause },
  );
}

async function read(path: string, setting: string): Promise<Buffer> {
  try {
    return await readFile(path);
  } catch (error) {
    throw invalid(`metrics.prometheus.${setting} cannot be read (${messageOf(error)})`, error);
  }
}

function invalid(reason: string, cause: unknown): DataflowError {
  return new DataflowError(
    'DATAFLOW_ERR_SERVER_TLS_INVALID',
    `Metrics cannot be served over HTTPS: ${reason}. Name two PEM files that belong together, or take metrics.prometheus.tls away.`,
    { cause },
  );
}
