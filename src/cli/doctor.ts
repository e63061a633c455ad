import type { Config } from '../config/config.ts';
import { type Check, type CheckStatus, failed } from '../doctor/check.ts';
import { configuredEndpoint, type Endpoint, endpointOf, givenEndpoint } from '../doctor/endpoint.ts';
import { examine } from '../doctor/examine.ts';
import { packageVersion } from '../platform/package-version.ts';
import { EXIT } from './failure.ts';
import type { GlobalOptions } from './global-options.ts';
import { readConfig } from './settings.ts';
import type { Terminal } from './terminal.ts';

export interface DoctorArguments {
  readonly url?: string;
  readonly user?: string;
  readonly token?: string;
  readonly prometheus?: string;
  readonly prometheusUser?: string;
  readonly prometheusToken?: string;
  /** Seconds. */
  readonly timeout: number;
  readonly json?: boolean;
}

const STATUS_WIDTH = 'skipped'.length;
const NAME_WIDTH = 'content-type'.length;
const PROMETHEUS_NAME_WIDTH = 'prometheus-alertmanager'.length;

/** Tells each check as soon as it is done. @throws DATAFLOW_ERR_CLI_USAGE and errors of the configuration. */
export async function runDoctor(args: DoctorArguments, globals: GlobalOptions, terminal: Terminal): Promise<number> {
  const config = await readConfig(globals);
  const counts: Record<CheckStatus, number> = { ok: 0, warning: 0, failed: 0, skipped: 0 };
  const show =
    args.json === true
      ? (check: Check) => `${JSON.stringify(check)}\n`
      : new Listing(args.prometheus === undefined ? NAME_WIDTH : PROMETHEUS_NAME_WIDTH).add;
  const tell = (check: Check): void => {
    counts[check.status] += 1;
    terminal.out(show(check));
  };
  const off = args.url === undefined ? servesNothing(config) : undefined;
  if (off !== undefined) tell(off);
  else {
    const prometheus = prometheusEndpoint(args);
    const options = { config: config.metrics, version: packageVersion(), timeoutMs: args.timeout * 1000 };
    const target = targetEndpoint(args, config);
    for await (const check of examine({ ...options, target, ...(prometheus !== undefined && { prometheus }) })) {
      tell(check);
    }
  }
  if (args.json !== true) terminal.out(`\n${summary(counts)}\n`);
  return counts.failed > 0 ? EXIT.failed : EXIT.done;
}

function targetEndpoint({ url, user, token }: DoctorArguments, { metrics }: Config): Endpoint {
  return url === undefined
    ? configuredEndpoint(metrics.prometheus, { user, token }, process.env)
    : givenEndpoint({ url, option: '--url', user, token }, metrics.prometheus, process.env);
}

function prometheusEndpoint(args: DoctorArguments): Endpoint | undefined {
  const { prometheus: url, prometheusUser: user, prometheusToken: token } = args;
  if (url === undefined) return undefined;
  return endpointOf({ url, option: '--prometheus', user, token, tokenOption: '--prometheus-token' }, process.env);
}

/** Where the configuration says that no metrics are served. */
function servesNothing({ metrics }: Config): Check | undefined {
  const setting = metrics.enabled ? 'metrics.prometheus.enabled' : 'metrics.enabled';
  if (metrics.enabled && metrics.prometheus.enabled) return undefined;
  return failed('reachable', {
    seen: `${setting} is false: a process of this configuration serves no metrics`,
    remedy: `set it to true (in the file or the environment), or name an endpoint in --url`,
  });
}

/** A line a check; checks skipped for one reason after the other are one. */
class Listing {
  readonly #nameWidth: number;
  #reason: string | undefined;

  constructor(nameWidth: number) {
    this.#nameWidth = nameWidth;
  }

  readonly add = ({ status, check, seen, remedy }: Check): string => {
    const isRepeated = status === 'skipped' && seen === this.#reason;
    this.#reason = status === 'skipped' ? seen : undefined;
    if (isRepeated) return '';
    const line = `${status.padEnd(STATUS_WIDTH)}  ${check.padEnd(this.#nameWidth)}  ${seen}\n`;
    return remedy === undefined ? line : `${line}${' '.repeat(STATUS_WIDTH + 2)}→ ${remedy}\n`;
  };
}

function summary({ ok, warning, failed: failures, skipped }: Readonly<Record<CheckStatus, number>>): string {
  const warnings = warning === 1 ? '1 warning' : `${warning} warnings`;
  return `${ok} ok, ${warnings}, ${failures} failed, ${skipped} skipped`;
}
