import { type Check, failed, listed, ok, warning } from '../check.ts';
import type { PrometheusApi } from './api.ts';

interface Rule {
  readonly name: string;
  readonly query: string;
  readonly type: 'recording' | 'alerting';
  readonly health: string;
  readonly lastError?: string;
  /** Of alerts: `inactive`, `pending`, `firing`. */
  readonly state?: string;
}

interface RuleGroups {
  readonly groups: readonly { readonly name: string; readonly rules: readonly Rule[] }[];
}

const OURS = /\b(?:dataflow|nact|jvm|nodejs_eventloop)_|\bdataflow:/;
const LOAD = 'list the files of config/prometheus/rules under rule_files of prometheus.yml and reload Prometheus';

/** Whether rules over our metrics are loaded and can be evaluated; what fires is told as well. */
export async function rules(api: PrometheusApi): Promise<Check> {
  const name = 'prometheus-rules';
  const result = await api.get<RuleGroups>('rules');
  if ('fault' in result) return failed(name, result.fault);
  const ours = result.data.groups.flatMap((group) => group.rules.filter(({ query }) => OURS.test(query)));
  if (ours.length === 0) {
    return warning(name, { seen: 'no rule over metrics of the platform is loaded: no alert can fire', remedy: LOAD });
  }
  const broken = ours.filter(({ health }) => health === 'err');
  if (broken.length > 0) {
    return failed(name, {
      seen: `rules cannot be evaluated: ${listed(broken.map((rule) => `${rule.name} (${rule.lastError ?? 'no reason'})`))}`,
      remedy:
        'correct the expression (`promtool check rules` finds what does not parse; a label set that is there twice shows only here)',
    });
  }
  const alerts = ours.filter(({ type }) => type === 'alerting');
  const counts = `${ours.length - alerts.length} recording and ${alerts.length} alerting rules`;
  if (alerts.length === 0) return warning(name, { seen: `${counts} are loaded: no alert can fire`, remedy: LOAD });
  const firing = alerts.filter(({ state }) => state === 'firing').map((rule) => rule.name);
  if (firing.length > 0) {
    return warning(name, {
      seen: `${counts}; firing: ${listed(firing)}`,
      remedy: 'follow runbook_url of the alert, at /alerts of Prometheus',
    });
  }
  return ok(name, counts);
}

/** Whether there is someone whom Prometheus sends its alerts to. */
export async function alertmanager(api: PrometheusApi): Promise<Check> {
  const name = 'prometheus-alertmanager';
  const result = await api.get<{ readonly activeAlertmanagers: readonly { readonly url: string }[] }>('alertmanagers');
  if ('fault' in result) return failed(name, result.fault);
  const urls = result.data.activeAlertmanagers.map(({ url }) => url);
  if (urls.length > 0) return ok(name, `alerts go to ${listed(urls, 3)}`);
  return warning(name, {
    seen: 'no Alertmanager is configured: alerts fire, and nobody is told',
    remedy: 'name one under alerting.alertmanagers of prometheus.yml and reload Prometheus',
  });
}
