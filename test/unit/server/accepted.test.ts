import { expect, test } from '@jest/globals';
import { acceptedFormat, acceptsGzip } from '../../../src/server/accepted.ts';

const PROMETHEUS =
  'application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1';

test.each([
  [undefined, 'classic'],
  ['', 'classic'],
  ['*/*', 'classic'],
  ['text/html,*/*;q=0.8', 'classic'],
  ['application/json', 'classic'],
  [PROMETHEUS, 'openmetrics'],
  ['application/openmetrics-text', 'openmetrics'],
  ['APPLICATION/OpenMetrics-Text; Version="1.0.0"', 'openmetrics'],
  ['application/openmetrics-text; version=2.0.0', 'classic'],
  ['application/openmetrics-text;q=0', 'classic'],
  ['application/openmetrics-text;q=0.4,text/plain;q=0.5', 'classic'],
  ['application/openmetrics-text;q=0.5,text/plain;q=0.5', 'openmetrics'],
  ['application/openmetrics-text;q=0.5,*/*', 'classic'],
  ['application/openmetrics-text;q=nonsense,text/plain', 'classic'],
])('accept %p: %s', (header, format) => {
  expect(acceptedFormat(header)).toBe(format);
});

test.each([
  [undefined, false],
  ['gzip', true],
  ['GZIP;Q=0.1', true],
  ['*', true],
  ['*;q=0', false],
  ['gzip;q=0, *', false],
  ['br, identity', false],
])('accept-encoding %p: %p', (header, gzip) => {
  expect(acceptsGzip(header)).toBe(gzip);
});
