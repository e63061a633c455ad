import type { IncomingMessage } from 'node:http';
import { DataflowError } from '../errors.ts';

/** What is left to send the answer and to read it. */
const RESERVE_MS = 250;

/**
 * The work, or DATAFLOW_ERR_METRICS_COLLECTION_FAILED shortly before the scraper that says how long it waits hangs up: it
 * then shows the reason instead of a deadline.
 */
export async function beforeScrapeTimeout<T>({ headers }: IncomingMessage, work: Promise<T>): Promise<T> {
  const seconds = Number(headers['x-prometheus-scrape-timeout-seconds'] ?? Number.NaN);
  if (!(seconds > 0 && seconds < 3600)) return work;
  const timeoutMs = Math.max(seconds * 1000 - RESERVE_MS, (seconds * 1000) / 2);
  let timer: NodeJS.Timeout | undefined;
  const timeout = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => {
      const reason = `The metrics could not be collected: it took longer than the ${seconds} s that the scraper waits.`;
      reject(new DataflowError('DATAFLOW_ERR_METRICS_COLLECTION_FAILED', reason));
    }, timeoutMs);
    timer.unref();
  });
  try {
    return await Promise.race([work, timeout]);
  } finally {
    clearTimeout(timer);
  }
}
