import { INSTRUMENTS } from '../metrics/names.ts';
import { type Check, failed, ok, skipped, warning } from './check.ts';
import type { Exposition } from './exposition.ts';
import type { Answer } from './http-get.ts';

const SUSPICIOUS_S = 5;
const WRONG_S = 30;
const NTP =
  'let NTP (chrony, systemd-timesyncd) set the clocks of both machines: expressions such as time() - timestamp depend on them';

/** Whether the clock of the process and the one of this machine agree. */
export function clock({ headers, sentAt, receivedAt }: Answer, { families }: Exposition): Check {
  const name = 'clock';
  const { lastBatchTimestamp, checkpointTimestamp } = INSTRUMENTS;
  const ahead = [lastBatchTimestamp.series, checkpointTimestamp.series].flatMap((series) =>
    (families.get(series)?.samples ?? [])
      .filter(({ value }) => value - receivedAt / 1000 > SUSPICIOUS_S)
      .map(({ labels, value }) => ({ series, id: labels.pipeline_id ?? '', by: value - receivedAt / 1000 })),
  );
  const [worst] = ahead.sort((a, b) => b.by - a.by);
  if (worst !== undefined) {
    return failed(name, {
      seen: `${worst.series} of ${worst.id} lies ${seconds(worst.by)} in the future`,
      remedy: NTP,
    });
  }
  const date = Date.parse(headers.date ?? '');
  if (Number.isNaN(date)) return skipped(name, 'the answer has no Date header to compare with');
  // The header has whole seconds, and was written at some time between question and answer.
  return offset(name, 'the clock there', offsetOutside(date, date + 1000, sentAt, receivedAt));
}

/** The least offset in ms by which one span of time must be moved to touch the other; 0 where they do. */
export function offsetOutside(from: number, to: number, sentAt: number, receivedAt: number): number {
  if (from > receivedAt) return from - receivedAt;
  return to < sentAt ? to - sentAt : 0;
}

export function offset(name: string, what: string, byMs: number): Check {
  const by = byMs / 1000;
  const seen = `${what} is ${seconds(Math.abs(by))} ${by > 0 ? 'ahead of' : 'behind'} this one`;
  if (Math.abs(by) > WRONG_S) return failed(name, { seen, remedy: NTP });
  if (Math.abs(by) > SUSPICIOUS_S) return warning(name, { seen, remedy: NTP });
  return ok(name, `${what} and this one agree`);
}

function seconds(by: number): string {
  return by < 120 ? `${by.toFixed(0)} s` : by < 7200 ? `${(by / 60).toFixed(0)} min` : `${(by / 3600).toFixed(0)} h`;
}
