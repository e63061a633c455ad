import { useCallback, useEffect, useRef, useState } from 'preact/hooks';
import { ApiError, getJson, tokenEpoch } from '../api/client.ts';
import { returns } from './connection.ts';

export interface Polled<T> {
  readonly data: T | null;
  readonly error: ApiError | null;
  refresh(): void;
}

/**
 * What a GET answers, asked again after each reconnect and, while the page is visible, every `everyMs` after the last
 * answer. A null path asks nothing. The last good answer stays while a later one fails.
 */
export function usePolled<T>(path: string | null, everyMs: number | null): Polled<T> {
  const [answer, setAnswer] = useState<{ path: string | null; data: T | null; error: ApiError | null }>({
    path,
    data: null,
    error: null,
  });
  const ask = useRef<() => void>(() => {});
  const epoch = returns.value + tokenEpoch.value;

  // A new epoch asks again.
  useEffect(() => {
    if (path === null) return;
    const abort = new AbortController();
    let timer: ReturnType<typeof setTimeout> | undefined;
    let asking = false;
    let askedAgain = false;
    const run = async (): Promise<void> => {
      if (asking) {
        askedAgain = true;
        return;
      }
      asking = true;
      clearTimeout(timer);
      try {
        const data = await getJson<T>(path, abort.signal);
        setAnswer({ path, data, error: null });
      } catch (error) {
        if (abort.signal.aborted) return;
        const problem = error instanceof ApiError ? error : new ApiError(500, 'UNREADABLE', `${path}: ${error}`);
        // That there is no answer at all is for the banner to say.
        const shown = problem.status === 0 ? null : problem;
        setAnswer((last) => ({ path, data: last.path === path ? last.data : null, error: shown }));
      }
      asking = false;
      if (askedAgain) {
        askedAgain = false;
        void run();
      } else if (everyMs !== null) timer = setTimeout(() => (document.hidden ? undefined : void run()), everyMs);
    };
    const onVisible = (): void => {
      if (!document.hidden && everyMs !== null) void run();
    };
    ask.current = () => void run();
    document.addEventListener('visibilitychange', onVisible);
    void run();
    return () => {
      abort.abort();
      clearTimeout(timer);
      document.removeEventListener('visibilitychange', onVisible);
    };
  }, [path, everyMs, epoch]);

  const refresh = useCallback(() => ask.current(), []);
  const current = answer.path === path;
  return { data: current ? answer.data : null, error: current ? answer.error : null, refresh };
}
