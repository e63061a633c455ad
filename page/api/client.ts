import { signal } from '@preact/signals';
import type { ApiProblem } from './contract.ts';

const TOKEN_KEY = 'dataflow.token';

/** An answer of the server that is not 2xx, or no answer at all (`status` 0). */
export class ApiError extends Error {
  readonly status: number;
  readonly code: string;
  readonly details: ApiProblem['details'];

  constructor(status: number, code: string, message: string, details: ApiProblem['details'] = null) {
    super(message);
    this.status = status;
    this.code = code;
    this.details = details;
  }
}

/** Why the server wants a token, in its words; null while it does not. */
export const tokenWanted = signal<string | null>(null);

/** Raised when a token was given: what was refused is asked again. */
export const tokenEpoch = signal(0);

export function giveToken(token: string): void {
  sessionStorage.setItem(TOKEN_KEY, token);
  tokenWanted.value = null;
  tokenEpoch.value += 1;
}

export interface RequestOptions {
  readonly method?: 'GET' | 'POST' | 'DELETE';
  readonly body?: unknown;
  readonly signal?: AbortSignal;
  readonly accept?: string;
}

/** The answer, when it is 2xx. Throws `ApiError`; asks for a token on 401. */
export async function send(path: string, options: RequestOptions = {}): Promise<Response> {
  const { method = 'GET', body, signal: abort, accept = 'application/json' } = options;
  const token = sessionStorage.getItem(TOKEN_KEY);
  const headers: Record<string, string> = { accept };
  if (token !== null) headers.authorization = `Bearer ${token}`;
  if (method !== 'GET') headers['content-type'] = 'application/json';
  let response: Response;
  try {
    response = await fetch(path, {
      method,
      headers,
      cache: 'no-store',
      ...(method !== 'GET' && { body: JSON.stringify(body ?? {}) }),
      ...(abort !== undefined && { signal: abort }),
    });
  } catch (error) {
    if (abort?.aborted) throw error;
    throw new ApiError(0, 'NO_ANSWER', 'The server does not answer. Check that the platform runs, then try again.');
  }
  if (response.ok) return response;
  const problem = await problemOf(response);
  if (response.status === 401) tokenWanted.value = problem.message;
  throw problem;
}

async function problemOf(response: Response): Promise<ApiError> {
  try {
    const { code, message, details } = (await response.json()) as ApiProblem;
    if (typeof message === 'string') return new ApiError(response.status, code, message, details);
  } catch {
    // A proxy in between answers with something else than the API's JSON.
  }
  return new ApiError(response.status, 'HTTP', `The server answered ${response.status} ${response.statusText}.`);
}

export async function getJson<T>(path: string, abort?: AbortSignal): Promise<T> {
  const response = await send(path, abort === undefined ? {} : { signal: abort });
  return (await response.json()) as T;
}
