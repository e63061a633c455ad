import { useEffect, useState } from 'preact/hooks';
import { formatClock } from '../format.ts';
import { connection, retryNow } from '../live/connection.ts';

const SHOW_RETURN_MS = 5000;

/** Says that the connection is lost, and for some seconds that it is back. It lies over the page and moves nothing. */
export function Banner() {
  const current = connection.value;
  const [returned, setReturned] = useState(false);
  useEffect(() => {
    if (current.state !== 'live' || !current.returned) return;
    setReturned(true);
    const timer = setTimeout(() => setReturned(false), SHOW_RETURN_MS);
    return () => {
      clearTimeout(timer);
      setReturned(false);
    };
  }, [current]);
  return (
    <div class="banner-place" role="status" aria-live="polite">
      {current.state === 'lost' && (
        <div class="banner lost">
          <p>
            <b>Connection lost.</b> What you see is from {formatClock(current.since)}. Trying again…
          </p>
          <button type="button" onClick={retryNow}>
            Try now
          </button>
        </div>
      )}
      {current.state === 'live' && returned && (
        <div class="banner back">
          <p>
            <b>Connected again.</b> What you see is live.
          </p>
        </div>
      )}
    </div>
  );
}

const WORDS = { connecting: 'Connecting', live: 'Live', lost: 'Connection lost', locked: 'Locked' } as const;

export function ConnectionLight() {
  const { state } = connection.value;
  return (
    <span key={state} class={`light ${state}`}>
      <span class="dot" aria-hidden="true" />
      <span class="light-word">{WORDS[state]}</span>
    </span>
  );
}
