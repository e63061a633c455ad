import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import { parse } from 'yaml';
import { ROOT } from '../../support/command-line.ts';
import { readReadme, tableUnder } from '../../support/readme.ts';

const PROVISIONING = join(ROOT, 'config/grafana/provisioning');
const variables = new Map(
  tableUnder(readReadme(), '### Dashboards').map(
    ([name = '', value = '']) => [name.replaceAll('`', ''), value] as const,
  ),
);

const read = (path: string) => parse(readFileSync(join(PROVISIONING, path), 'utf8'));

/** The path in the repository that the README tells to put into a variable. */
function pathOf(variable: string): string {
  const [, path = ''] = /absolute path of `(.*)`/.exec(variables.get(variable) ?? '') ?? [];
  expect([variable, path]).toEqual([variable, expect.stringMatching(/./)]);
  return join(ROOT, path);
}

test('the data source asks the Prometheus of the environment, at the interval at which it scrapes', () => {
  expect(read('datasources/prometheus.yaml')).toEqual({
    apiVersion: 1,
    datasources: [
      expect.objectContaining({
        type: 'prometheus',
        uid: 'prometheus',
        // biome-ignore lint/suspicious/noTemplateCurlyInString: a variable of Grafana's environment.
        url: '${PROMETHEUS_URL}',
        jsonData: expect.objectContaining({ timeInterval: '15s' }),
      }),
    ],
  });
  expect(variables.get('PROMETHEUS_URL')).toContain('http://localhost:9090');
});

test('the dashboards come from the folder that the environment names', () => {
  const { apiVersion, providers } = read('dashboards/dataflow.yaml');
  expect([apiVersion, providers]).toEqual([1, [expect.objectContaining({ type: 'file', allowUiUpdates: false })]]);
  // biome-ignore lint/suspicious/noTemplateCurlyInString: a variable of Grafana's environment.
  expect(providers[0].options.path).toBe('${DATAFLOW_DASHBOARDS}');
  expect(readdirSync(pathOf('DATAFLOW_DASHBOARDS')).filter((name) => name.endsWith('.json'))).toHaveLength(6);
});

test('the folder that the README names as provisioning has what Grafana looks for', () => {
  const folder = pathOf('GF_PATHS_PROVISIONING');
  expect(folder).toBe(PROVISIONING);
  for (const part of ['datasources', 'dashboards'])
    expect([part, existsSync(join(folder, part))]).toEqual([part, true]);
});
