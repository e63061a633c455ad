import { existsSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { DCLinter } from 'dclint';
import { parse } from 'yaml';
import { settingRows } from '../../../src/config/settings.ts';
import { ROOT } from '../../support/command-line.ts';

interface Service {
  readonly image?: string;
  readonly build?: string;
  readonly profiles?: readonly string[];
  readonly command?: readonly string[];
  readonly depends_on?: readonly string[];
  readonly environment?: Readonly<Record<string, string>>;
  readonly ports?: readonly string[];
  readonly volumes?: readonly string[];
  readonly stop_grace_period?: string;
}

const read = (path: string): string => readFileSync(join(ROOT, path), 'utf8');
const yaml = (path: string) => parse(read(path), { strict: true, uniqueKeys: true });

const compose: {
  readonly services: Readonly<Record<string, Service>>;
  readonly volumes: Readonly<Record<string, null>>;
} = yaml('docker-compose.yml');
const services = Object.entries(compose.services);
const { dataflow, prometheus, alertmanager, grafana, 'otel-collector': collector } = compose.services;

/** The ports that a service publishes, as the service knows them. */
const published = (service: Service | undefined): number[] =>
  (service?.ports ?? []).map((port) => Number(port.split(':').at(-1)));

const mounts = services.flatMap(([name, { volumes = [] }]) =>
  volumes.map((volume) => {
    const [source = '', target = '', mode] = volume.split(':');
    return { name, source, target, mode };
  }),
);
const bound = mounts.filter(({ source }) => source.startsWith('.'));

/** The path in the repository of what a service sees at this path. */
function inRepository(name: string, path: string): string {
  const [mount] = bound
    .filter((candidate) => candidate.name === name && `${path}/`.startsWith(`${candidate.target}/`))
    .sort((a, b) => b.target.length - a.target.length);
  expect([name, path, mount?.source]).toEqual([name, path, expect.any(String)]);
  return join(mount!.source, path.slice(mount!.target.length));
}

const setting = (wanted: string): number =>
  Number.parseInt(settingRows().find(({ key }) => key === wanted)?.default ?? '', 10);

const option = (service: Service | undefined, name: string): string =>
  service?.command?.find((argument) => argument.startsWith(`${name}=`))?.slice(name.length + 1) ?? '';

describe('docker-compose.yml', () => {
  test('is what the specification allows, with nothing published beyond this machine', () => {
    const style = ['service-keys-order', 'services-alphabetical-order', 'require-quotes-in-ports'];
    const linter = new DCLinter({
      rules: Object.fromEntries(style.map((rule) => [rule, 0 as const])),
      quiet: false,
      debug: false,
      exclude: [],
    });
    const [result] = linter.lintFiles([join(ROOT, 'docker-compose.yml')], false);
    expect(result?.messages).toEqual([]);
    const ports = services.flatMap(([, service]) => service.ports ?? []);
    expect(ports.filter((port) => !/^127\.0\.0\.1:(\d+):\1$/.test(port))).toEqual([]);
    expect(new Set(ports).size).toBe(ports.length);
  });

  test('has the images pinned', () => {
    const base = [...read('Dockerfile').matchAll(/^FROM (\S+)/gm)].map(([, image]) => image!);
    const images = [...base, ...services.flatMap(([, { image }]) => image ?? [])];
    expect(images).toHaveLength(6);
    expect(images.filter((image) => !/:v?\d+\.\d+(\.\d+)?(-[a-z-]+)?$/.test(image))).toEqual([]);
  });

  test('mounts what is in the repository, to be read only, and volumes that it declares', () => {
    expect(bound.filter(({ source }) => !existsSync(join(ROOT, source)))).toEqual([]);
    expect(bound.filter(({ mode }) => mode !== 'ro')).toEqual([]);
    const named = mounts.filter((mount) => !bound.includes(mount)).map(({ source }) => source);
    expect(named.sort()).toEqual(Object.keys(compose.volumes).sort());
    expect(services.flatMap(([, { depends_on = [] }]) => depends_on.filter((name) => !compose.services[name]))).toEqual(
      [],
    );
  });

  test('gives each service a configuration that exists', () => {
    const paths = [
      inRepository('prometheus', option(prometheus, '--config.file')),
      inRepository('alertmanager', option(alertmanager, '--config.file')),
      inRepository('otel-collector', option(collector, '--config')),
    ];
    expect(paths).toEqual([
      'config/prometheus/prometheus.yml',
      'config/prometheus/alertmanager.yml',
      'config/otel-collector.yaml',
    ]);
    const { GF_PATHS_PROVISIONING: provisioning, DATAFLOW_DASHBOARDS: boards } = grafana?.environment ?? {};
    expect(inRepository('grafana', provisioning ?? '')).toBe('config/grafana/provisioning');
    expect(inRepository('grafana', boards ?? '')).toBe('config/grafana/dashboards');
    for (const path of paths) expect([path, statSync(join(ROOT, path)).isFile()]).toEqual([path, true]);
  });

  test('keeps data where each service writes it', () => {
    const written = (name: string) =>
      mounts.filter((mount) => mount.name === name && !bound.includes(mount)).map(({ target }) => target);
    expect(written('prometheus')).toEqual([option(prometheus, '--storage.tsdb.path')]);
    expect(written('alertmanager')).toEqual([option(alertmanager, '--storage.path')]);
    const [, volumes = '[]'] = /^VOLUME (.*)$/m.exec(read('Dockerfile')) ?? [];
    expect(written('dataflow')).toEqual(JSON.parse(volumes));
  });

  test('builds from files that are there and not ignored', () => {
    const copied = [...read('Dockerfile').matchAll(/^COPY (?!--from)(.*) \S+$/gm)].flatMap(([, paths]) =>
      paths!.split(' '),
    );
    const [everything, ...kept] = read('.dockerignore').trim().split('\n');
    expect([everything, kept.sort()]).toEqual(['*', copied.map((path) => `!${path}`).sort()]);
    expect(copied.filter((path) => !existsSync(join(ROOT, path)))).toEqual([]);
  });

  test('leaves the platform the time that it takes to stop', () => {
    const seconds = Number.parseInt(dataflow?.stop_grace_period ?? '', 10);
    expect(seconds).toBeGreaterThan(setting('runtime.shutdownTimeout'));
  });
});

describe('who asks whom', () => {
  const { scrape_configs: jobs, alerting } = yaml('config/prometheus/prometheus.yml');
  const files: readonly string[] = [...jobs, ...alerting.alertmanagers].flatMap(
    ({ file_sd_configs: discovered }: { file_sd_configs: readonly { files: readonly string[] }[] }) =>
      discovered.flatMap((discovery) => discovery.files),
  );
  const targets = (path: string): string[] =>
    yaml(path).flatMap((group: { readonly targets: readonly string[] }) => group.targets);

  test('Prometheus finds its targets in files, those of Docker in the place of the others', () => {
    expect(files).toHaveLength(3);
    for (const file of files) {
      expect(existsSync(join(ROOT, 'config/prometheus', file))).toBe(true);
      const path = inRepository('prometheus', `/etc/prometheus/${file}`);
      expect([path, existsSync(join(ROOT, path))]).toEqual([`config/compose/${file}`, true]);
    }
  });

  test('in Docker each address is a service and a port of it', () => {
    const { exporters } = yaml('config/otel-collector.yaml');
    const ports: Readonly<Record<string, readonly number[]>> = {
      dataflow: published(dataflow),
      alertmanager: published(alertmanager),
      'otel-collector': [Number(exporters.prometheus.endpoint.split(':').at(-1))],
    };
    for (const address of files.flatMap((file) => targets(`config/compose/${file}`))) {
      const [name = '', port] = address.split(':');
      expect([address, ports[name]]).toEqual([address, expect.arrayContaining([Number(port)])]);
    }
    const source = new URL(grafana?.environment?.PROMETHEUS_URL ?? '');
    expect([source.hostname, published(prometheus)]).toEqual(['prometheus', [Number(source.port)]]);
  });

  test('outside of Docker the ports are the same', () => {
    const portsOf = (folder: string, file: string) => targets(`${folder}/${file}`).map((each) => each.split(':')[1]);
    for (const file of files.filter((each) => !each.includes('otel')))
      expect([file, portsOf('config/prometheus', file)]).toEqual([file, portsOf('config/compose', file)]);
    const [port] = published(dataflow);
    expect(port).toBe(setting('metrics.prometheus.port'));
    expect(read('Dockerfile')).toContain(`EXPOSE ${port}\n`);
    expect(read('Dockerfile')).toContain(`http://127.0.0.1:${port}/-/healthy`);
  });
});
