import { createPrivateKey, X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createSecureContext } from 'node:tls';
import type { Environment } from '../../connectors/environment.ts';
import { messageOf, type Problem } from '../../errors.ts';

/** PEM texts for a connection over TLS; absent ones are the system's own, or none. */
export interface TlsFiles {
  readonly ca?: Buffer;
  readonly cert?: Buffer;
  readonly key?: Buffer;
}

interface Found {
  readonly variable: string;
  readonly path: string;
  readonly pem: Buffer;
}

const REMEDY = 'name one, or take the variable away';

/**
 * The files that OTEL_EXPORTER_OTLP_*CERTIFICATE and *CLIENT_KEY name, and what is wrong with them: Node.js itself takes
 * a file of trusted certificates that holds none, and then trusts nobody.
 */
export function readTlsFiles(env: Environment): { readonly tls: TlsFiles; readonly problems: readonly Problem[] } {
  const problems: Problem[] = [];
  const read = (name: string, what: string, check: (pem: Buffer) => unknown): Found | undefined => {
    const variable = [`OTEL_EXPORTER_OTLP_METRICS_${name}`, `OTEL_EXPORTER_OTLP_${name}`].find((key) =>
      env[key]?.trim(),
    );
    const path = variable === undefined ? undefined : env[variable]?.trim();
    if (variable === undefined || path === undefined) return undefined;
    try {
      const pem = readFileSync(path);
      if (!pem.includes('-----BEGIN ')) throw new Error('it holds no PEM');
      check(pem);
      return { variable, path, pem };
    } catch (error) {
      problems.push({
        path: variable,
        expected: `a PEM file of ${what}: ${REMEDY}`,
        got: `${path} (${messageOf(error)})`,
      });
      return undefined;
    }
  };
  const certificate = (pem: Buffer): unknown => new X509Certificate(pem);
  const ca = read('CERTIFICATE', 'trusted certificates', certificate);
  const cert = read('CLIENT_CERTIFICATE', "the client's certificate", certificate);
  const key = read('CLIENT_KEY', "the client's private key, without a passphrase", createPrivateKey);
  if (problems.length === 0) {
    const problem = problemOfPair(cert, key);
    if (problem !== undefined) problems.push(problem);
  }
  const tls = { ...(ca && { ca: ca.pem }), ...(cert && { cert: cert.pem }), ...(key && { key: key.pem }) };
  return { tls, problems };
}

function problemOfPair(cert: Found | undefined, key: Found | undefined): Problem | undefined {
  const one = cert ?? key;
  if (one === undefined) return undefined;
  const other = cert === undefined ? 'CLIENT_CERTIFICATE' : 'CLIENT_KEY';
  if (cert === undefined || key === undefined) {
    return { path: one.variable, expected: `OTEL_EXPORTER_OTLP_${other} beside it`, got: `${one.path} alone` };
  }
  try {
    createSecureContext({ cert: cert.pem, key: key.pem });
    return undefined;
  } catch (error) {
    const expected = `a certificate that belongs to the key ${key.path} of ${key.variable}`;
    return { path: cert.variable, expected, got: `${cert.path} (${messageOf(error)})` };
  }
}
