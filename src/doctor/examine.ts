/**
 * Owns the order of the checks: each once, a check that cannot be made is told as skipped. Never throws for what an
 * endpoint does, and shows nothing secret.
 */
import { setTimeout as pause } from 'node:timers/promises';
import type { TelemetryConfig } from '../telemetry/telemetry-config.ts';
import { type Check, failed, presentable, skipped } from './check.ts';
import { clock } from './clock.ts';
import type { Endpoint } from './endpoint.ts';
import { requiredInstruments } from './expected.ts';
import { type Exposition, readExposition } from './exposition.ts';
import { fresh } from './fresh.ts';
import { health } from './health.ts';
import { type Answer, type GetOptions, httpGet } from './http-get.ts';
import { buckets, labels } from './labels.ts';
import { contentType, reachable } from './metrics-answer.ts';
import { isOurs, names } from './names.ts';
import { parses } from './parses.ts';
import { PrometheusApi } from './prometheus/api.ts';
import { examinePrometheus } from './prometheus/examine.ts';
import { silenceFault } from './silence.ts';
import { build, load, series, values } from './values.ts';

export interface DoctorOptions {
  readonly target: Endpoint;
  /** What the process is expected to run with. */
  readonly config: TelemetryConfig;
  /** Of this command. */
  readonly version: string;
  /** The Prometheus that scrapes the target, to be asked for its view of it. */
  readonly prometheus?: Endpoint;
  /** ms for one request; default 10,000. */
  readonly timeoutMs?: number;
  /** ms between the two scrapes; default 1,000. */
  readonly pauseMs?: number;
  /** Of one answer; default 100,000,000. */
  readonly maxBytes?: number;
}

const TIMEOUT_MS = 10_000;
/** Some values are at most a second old. */
const PAUSE_MS = 1_000;
const MAX_BYTES = 100_000_000;
/** As Prometheus asks, and as a scraper that knows only the older format does: both are to be read. */
const ACCEPTED = [
  'application/openmetrics-text;version=1.0.0;q=0.8,text/plain;version=0.0.4;q=0.5,*/*;q=0.1',
  'text/plain;version=0.0.4;q=0.8,*/*;q=0.1',
];
const START =
  'start the platform (`dataflow run`), or name the right address in --url; it prints where it serves metrics';

export async function* examine(options: DoctorOptions): AsyncGenerator<Check, void, undefined> {
  const { target, prometheus, config } = options;
  const secrets = [...target.secrets, ...(prometheus?.secrets ?? [])];
  const reading: Reading = { exposition: undefined };
  for await (const check of examineTarget(options, reading)) yield presentable(check, secrets);
  if (prometheus === undefined) return;
  const api = new PrometheusApi(prometheus, requestOptions(options));
  const jobs = [...new Set(['dataflow-platform', config.service])];
  const { exposition } = reading;
  const lasting =
    exposition === undefined ? [] : requiredInstruments(exposition, config).map((instrument) => instrument.series);
  const view = {
    api,
    url: target.url,
    jobs,
    exposition,
    lasting: lasting.filter((name) => exposition?.families.has(name)),
  };
  for await (const check of examinePrometheus(view)) yield presentable(check, secrets);
}

/** What the metrics were, once they are read. */
interface Reading {
  exposition: Exposition | undefined;
}

const UNREAD = 'this and what else needs the metrics, which cannot be read';
const READ = ['health', 'content-type', 'parses', 'fresh', 'names'] as const;
const OURS = ['labels', 'buckets', 'values', 'series', 'build', 'clock', 'process'] as const;

async function* examineTarget(options: DoctorOptions, reading: Reading): AsyncGenerator<Check, void, undefined> {
  const { target, config, version, pauseMs = PAUSE_MS } = options;
  const first = await scrape(options, 0);
  yield first.check;
  if (first.answer === undefined) {
    for (const name of [...READ, ...OURS]) yield skipped(name, UNREAD);
    return;
  }
  yield await health(target.url, requestOptions(options));
  await pause(pauseMs);
  const second = await scrape(options, 1);
  const read = [first, second].filter((one) => one.answer !== undefined);
  const types = read.map(({ answer }) => contentType(answer));
  yield (types.find(({ check }) => check.status !== 'ok') ?? types[0]!).check;
  const expositions = read.map(({ answer }, index) => readExposition(answer.body, types[index]!.format));
  const parsed = parses(expositions);
  yield parsed;
  if (parsed.status !== 'ok') {
    for (const name of [...READ.slice(3), ...OURS]) yield skipped(name, UNREAD);
    return;
  }
  const exposition = expositions.at(-1)!;
  const { answer } = read.at(-1)!;
  reading.exposition = exposition;
  if (second.answer !== undefined) yield fresh(expositions[0]!, exposition, answer);
  else yield { ...second.check, check: 'fresh', seen: `the second scrape failed: ${second.check.seen}` };
  yield names(exposition, config);
  if (!isOurs(exposition)) {
    for (const name of OURS) yield skipped(name, 'this and what else needs metrics of the platform');
    return;
  }
  yield labels(exposition);
  yield buckets(exposition, config.buckets);
  yield values(exposition);
  yield series(exposition, config);
  yield build(exposition, version);
  yield clock(answer, exposition);
  yield load(exposition);
}

type Scrape =
  | { readonly check: Check; readonly answer: Answer }
  | { readonly check: Check; readonly answer: undefined };

async function scrape(options: DoctorOptions, index: 0 | 1): Promise<Scrape> {
  const { url, authorization } = options.target;
  const answer = await httpGet(url, requestOptions(options, { accept: ACCEPTED[index]!, authorization }));
  if (answer.kind === 'none') {
    const fault = silenceFault(answer, url, { what: 'the platform', start: START });
    return { check: failed('reachable', fault), answer: undefined };
  }
  const check = reachable(answer, url, authorization !== undefined);
  return { check, answer: check.status === 'ok' ? answer : undefined };
}

function requestOptions(
  { timeoutMs = TIMEOUT_MS, maxBytes = MAX_BYTES }: DoctorOptions,
  headers: Readonly<Record<string, string | undefined>> = {},
): GetOptions {
  const given = Object.entries(headers).filter((entry): entry is [string, string] => entry[1] !== undefined);
  return { timeoutMs, maxBytes, headers: Object.fromEntries(given) };
}
