import { hostname } from 'node:os';
import { describe, expect, test } from '@jest/globals';
import { configuredEndpoint, endpointOf, givenEndpoint } from '../../../src/doctor/endpoint.ts';
import { isHere } from '../../../src/doctor/hosts.ts';
import { DEFAULT_TELEMETRY_CONFIG, type PrometheusConfig } from '../../../src/telemetry/telemetry-config.ts';

const base: PrometheusConfig = DEFAULT_TELEMETRY_CONFIG.prometheus;
const env = { TOKEN: 't0ken', PASSWORD: 'pä:ss' };
const basic = { auth: { basic: { username: 'prom', password: `\${PASSWORD}` } } };
const packed = Buffer.from('prom:pä:ss').toString('base64');

describe('a token that no header can carry', () => {
  const url = 'http://localhost:9095/metrics';
  const bearer = { auth: { bearer: { token: `\${TOKEN}` } } };
  const bad = { TOKEN: 'hunter2\n' };
  const [token, prometheus] = [`\${TOKEN}`, '--prometheus-token'];
  test.each([
    [() => endpointOf({ url, option: '--url', token: 'hunter2 ' }, {}), '--token'],
    [() => endpointOf({ url, option: '--url', token: 'hünter2' }, {}), '--token'],
    [() => endpointOf({ url, option: '--prometheus', token, tokenOption: prometheus }, bad), prometheus],
    [() => configuredEndpoint({ ...base, ...bearer }, {}, bad), 'metrics.prometheus.auth.bearer.token'],
    [() => givenEndpoint({ url, option: '--url', token }, base, bad), '--token'],
  ])('is told by what gives it, without its value: %#', (make, option) => {
    const message = expect.stringMatching(new RegExp(`^the token of ${option} (?!.*h[uü]nter)`));
    expect(make).toThrow(expect.objectContaining({ code: 'DATAFLOW_ERR_CLI_USAGE', message }));
  });
});

describe('the endpoint of the configuration', () => {
  test.each([
    [{}, 'http://localhost:9095/metrics'],
    [{ host: '' }, 'http://localhost:9095/metrics'],
    [{ host: '::' }, 'http://localhost:9095/metrics'],
    [{ host: '::1', port: 80 }, 'http://[::1]/metrics'],
    [{ host: 'metrics.example', port: 1234 }, 'http://metrics.example:1234/metrics'],
    [{ tls: { cert: 'c', key: 'k' } }, 'https://localhost:9095/metrics'],
  ])('%j is at %s', (config, url) => {
    const endpoint = configuredEndpoint({ ...base, ...config }, {}, env);
    expect([endpoint.url.href, endpoint.authorization]).toEqual([url, undefined]);
  });

  test('has the credentials of the configuration, unless others are given', () => {
    expect(configuredEndpoint({ ...base, ...basic }, {}, env)).toMatchObject({
      authorization: `Basic ${packed}`,
      secrets: ['pä:ss', packed],
    });
    const both = { auth: { ...basic.auth, bearer: { token: `\${TOKEN}` } } };
    expect(configuredEndpoint({ ...base, ...both }, {}, env).authorization).toBe('Bearer t0ken');
    expect(configuredEndpoint({ ...base, ...both }, { token: 'other' }, env).authorization).toBe('Bearer other');
  });

  test('is unknown where the process takes a free port', () => {
    expect(() => configuredEndpoint({ ...base, port: 0 }, {}, env)).toThrow(
      expect.objectContaining({ code: 'DATAFLOW_ERR_CLI_USAGE', message: expect.stringContaining('--url') }),
    );
  });
});

describe('an endpoint that is given', () => {
  const given = (url: string, config: Partial<PrometheusConfig> = {}, credentials = {}) =>
    givenEndpoint({ url, option: '--url', ...credentials }, { ...base, ...config }, env);

  test('has the documented path unless it has one', () => {
    expect(given('http://x:1').url.href).toBe('http://x:1/metrics');
    expect(given('http://x:1/other#part').url.href).toBe('http://x:1/other');
  });

  test('gets the credentials of the configuration only at the address of the configuration', () => {
    for (const url of ['http://localhost:9095', 'http://127.0.0.1:9095/metrics', `http://${hostname()}:9095`]) {
      expect(given(url, basic).authorization).toBe(`Basic ${packed}`);
    }
    for (const url of [
      'http://localhost:9096',
      'http://elsewhere.example:9095',
      `http://${hostname()}.evil.example:9095`,
    ]) {
      expect(given(url, basic).authorization).toBeUndefined();
    }
  });

  test('may hold user and password, which leave the address', () => {
    const endpoint = given('http://u%40x:p%25@x:1/metrics');
    expect(endpoint.url.href).toBe('http://x:1/metrics');
    expect(endpoint.authorization).toBe(`Basic ${Buffer.from('u@x:p%').toString('base64')}`);
    expect(endpoint.secrets).toContain('p%');
  });

  test('takes references in credentials', () => {
    expect(given('http://x:1', {}, { token: `\${TOKEN}` }).authorization).toBe('Bearer t0ken');
    expect(given('http://x:1', {}, { user: `prom:\${PASSWORD}` }).authorization).toBe(`Basic ${packed}`);
    expect(() => given('http://x:1', {}, { token: `\${NOT_SET}` })).toThrow(/not set/);
  });

  test.each(['nonsense', 'ftp://x/metrics', 'http://', 'localhost:9095'])('%s is a usage error', (url) => {
    expect(() => given(url)).toThrow(expect.objectContaining({ code: 'DATAFLOW_ERR_CLI_USAGE' }));
  });

  test('that is no address is not repeated, since it may hold a password', () => {
    expect(() => endpointOf({ url: 'u:hunter2@', option: '--prometheus' }, env)).toThrow(
      /^--prometheus is no address(?!.*hunter2)/,
    );
  });
});

test('this machine is known by all of its names', () => {
  for (const host of ['localhost', '127.0.0.1', '127.1.2.3', '[::1]', '::1', '0.0.0.0', hostname()]) {
    expect([host, isHere(host)]).toEqual([host, true]);
  }
  for (const host of ['example.org', '128.0.0.1', 'localhost.example', 'host.docker.internal']) {
    expect([host, isHere(host)]).toEqual([host, false]);
  }
});
