import { batch, signal } from '@preact/signals';
import { ApiError, getJson, send } from '../api/client.ts';
import type { ActionNotice, Hello, History, PipelineList, Tick } from '../api/contract.ts';
import { EventStreamParser } from '../api/event-stream.ts';
import { reconnectDelayMs } from './backoff.ts';
import { tableOf } from './history.ts';
import { apply, greet, history, lastAction, replaceAll } from './store.ts';

/**
 * Owns the one event stream of the page.
 *
 * R1 What is shown is complete: after each connect the whole list is read, and ticks that come meanwhile are applied
 *    after it, so that no change falls between the two.
 * R2 A connection that brings no byte for two heartbeats is lost, whatever the socket says.
 * R3 Attempts go on for ever, ten seconds apart at most; a refused token waits for another one instead.
 */
export type Connection =
  | { readonly state: 'connecting' }
  | { readonly state: 'live'; readonly returned: boolean }
  | { readonly state: 'lost'; readonly since: number }
  | { readonly state: 'locked' };

export const connection = signal<Connection>({ state: 'connecting' });

/** Raised when a lost connection is back: what was read before is read again. */
export const returns = signal(0);

const SILENCE_MS = 35_000;

let wake: () => void = () => {};

/** Ends the waiting for the next attempt. */
export const retryNow = (): void => wake();

export async function stayConnected(): Promise<never> {
  let attempt = 0;
  for (;;) {
    let wasLive = false;
    try {
      await listen(() => {
        wasLive = true;
      });
    } catch (error) {
      if (error instanceof ApiError && error.status === 401) {
        connection.value = { state: 'locked' };
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
        continue;
      }
    }
    if (wasLive) attempt = 0;
    await pause(reconnectDelayMs(attempt, Math.random));
    attempt += 1;
  }
}

function pause(ms: number): Promise<void> {
  const before = connection.value;
  const since = before.state === 'lost' ? before.since : Date.now();
  connection.value = { state: 'lost', since };
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, ms);
    wake = () => {
      clearTimeout(timer);
      resolve();
    };
  });
}

async function listen(onLive: () => void): Promise<void> {
  const abort = new AbortController();
  let silence = setTimeout(() => abort.abort(), SILENCE_MS);
  try {
    const response = await send('/api/v1/events', { accept: 'text/event-stream', signal: abort.signal });
    const reader = response.body!.pipeThrough(new TextDecoderStream()).getReader();
    const parser = new EventStreamParser();
    let early: Tick[] | undefined = [];
    const loading = load(abort.signal).then(() => {
      batch(() => {
        for (const tick of early ?? []) apply(tick);
        early = undefined;
        const returned = connection.value.state === 'lost';
        connection.value = { state: 'live', returned };
        if (returned) returns.value += 1;
      });
      onLive();
    });
    // A failure to load ends the stream as well; it is reported by the await below.
    loading.catch(() => abort.abort());
    try {
      for (;;) {
        const { done, value } = await reader.read();
        if (done) break;
        clearTimeout(silence);
        silence = setTimeout(() => abort.abort(), SILENCE_MS);
        for (const { event, data } of parser.push(value)) {
          if (event === 'hello') greet(JSON.parse(data) as Hello);
          else if (event === 'action') lastAction.value = JSON.parse(data) as ActionNotice;
          else if (event === 'tick') {
            const tick = JSON.parse(data) as Tick;
            if (early === undefined) batch(() => apply(tick));
            else early.push(tick);
          }
        }
      }
    } finally {
      await loading;
    }
  } finally {
    clearTimeout(silence);
    abort.abort();
  }
}

async function load(abort: AbortSignal): Promise<void> {
  const [list, hour] = await Promise.all([
    getJson<PipelineList>('/api/v1/pipelines', abort),
    getJson<History>('/api/v1/history', abort),
  ]);
  batch(() => {
    replaceAll(list);
    history.value = tableOf(hour);
  });
}
