import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, normalize, relative } from 'node:path';
import { expect, test } from '@jest/globals';

const SRC = join(import.meta.dirname ?? process.cwd(), '../../src');

/** Imports only point to earlier ones, or stay inside. */
const LAYERS = [
  'errors',
  'domain',
  'metrics',
  'runtime',
  'cluster',
  'connectors',
  'journals',
  'telemetry',
  'server',
  'config',
  'slo',
  'doctor',
  'platform',
  'testing',
  'cli',
  'index',
];

const files = readdirSync(SRC, { recursive: true, encoding: 'utf8' })
  .filter((path) => path.endsWith('.ts'))
  .map((path) => path.replaceAll('\\', '/'))
  .sort();
const texts = new Map(files.map((file) => [file, readFileSync(join(SRC, file), 'utf8')]));

const IMPORT =
  /(?:^|[\n;])\s*(?:import|export)\b(?:[^'";]*?\bfrom)?\s*['"]([^'"]+)['"]|\bimport\(\s*['"]([^'"]+)['"]\s*\)/g;

function specifiers(file: string): string[] {
  return [...texts.get(file)!.matchAll(IMPORT)].map(([, fixed, dynamic]) => (fixed ?? dynamic)!);
}

function target(file: string, specifier: string): string {
  return normalize(join(dirname(file), specifier)).replaceAll('\\', '/');
}

const edges = new Map(
  files.map((file) => [
    file,
    specifiers(file)
      .filter((specifier) => specifier.startsWith('.'))
      .map((specifier) => target(file, specifier)),
  ]),
);

const layerOf = (file: string): string => file.split('/')[0]!.replace(/\.ts$/, '');

const outside = (file: string): string[] => specifiers(file).filter((specifier) => !specifier.startsWith('.'));

test('the scan sees the imports of this code base', () => {
  expect(files.length).toBeGreaterThan(60);
  expect(edges.get('domain/decide.ts')).toContain('domain/retry.ts');
  expect(edges.get('runtime/pipeline-actor.ts')).toContain('errors.ts');
  expect(outside('runtime/nact-adapter.ts')).toContain('nact');
});

test('every folder is a layer', () => {
  expect(files.filter((file) => !LAYERS.includes(layerOf(file)))).toEqual([]);
});

test('imports point up the list of layers only', () => {
  const wrong = [...edges].flatMap(([file, imported]) =>
    imported
      .filter((other) => LAYERS.indexOf(layerOf(other)) > LAYERS.indexOf(layerOf(file)))
      .map((other) => `${file} -> ${other}`),
  );
  expect(wrong).toEqual([]);
});

test('no import closes a cycle', () => {
  const done = new Set<string>();
  const cycles: string[] = [];
  const visit = (file: string, path: readonly string[]): void => {
    if (path.includes(file)) cycles.push([...path.slice(path.indexOf(file)), file].join(' -> '));
    else if (!done.has(file)) {
      for (const other of edges.get(file) ?? []) visit(other, [...path, file]);
      done.add(file);
    }
  };
  for (const file of files) visit(file, []);
  expect(cycles).toEqual([]);
});

test('a relative import names an existing file with its extension', () => {
  const wrong = [...edges].flatMap(([file, imported]) =>
    imported.filter((other) => !texts.has(other)).map((other) => `${file} -> ${other}`),
  );
  expect(wrong).toEqual([]);
});

test('only the adapter imports nact', () => {
  const importers = files.filter((file) => outside(file).some((name) => name === 'nact' || name.startsWith('nact/')));
  expect(importers).toEqual(['runtime/nact-adapter.ts']);
});

test('the domain is pure', () => {
  const domain = files.filter((file) => layerOf(file) === 'domain');
  expect(domain.flatMap((file) => outside(file).map((name) => `${file} -> ${name}`))).toEqual([]);
  const impure = /\b(?:Date\.now|new Date\(\)|Math\.random|setTimeout|setImmediate|performance\.|process\.|Promise)\b/;
  const code = (file: string): string => texts.get(file)!.replace(/\/\*[\s\S]*?\*\/|\/\/.*/g, '');
  expect(domain.filter((file) => impure.test(code(file)))).toEqual([]);
});

test('metrics are recorded through the API alone', () => {
  const others = files
    .filter((file) => layerOf(file) === 'metrics')
    .flatMap((file) => outside(file).filter((name) => name.startsWith('@opentelemetry/')));
  expect([...new Set(others)]).toEqual(['@opentelemetry/api']);
});

test('files are small', () => {
  const sizes = files.map((file) => ({ file, lines: texts.get(file)!.split('\n').length - 1 }));
  expect(sizes.filter(({ lines }) => lines > 400)).toEqual([]);
  const sorted = sizes.map(({ lines }) => lines).sort((a, b) => a - b);
  expect(sorted[Math.floor(sorted.length / 2)]).toBeLessThan(150);
});

test('every error code is thrown or compared somewhere', () => {
  const codes = [...texts.get('errors.ts')!.matchAll(/^ {2}(DATAFLOW_ERR_\w+):/gm)].map(([, code]) => code!);
  expect(codes.length).toBeGreaterThan(30);
  const rest = [...texts].filter(([file]) => file !== 'errors.ts').map(([, text]) => text);
  expect(codes.filter((code) => !rest.some((text) => text.includes(`'${code}'`)))).toEqual([]);
});

test('file names are in kebab-case', () => {
  const name = /^(?:[a-z0-9]+(?:-[a-z0-9]+)*\/)*[a-z0-9]+(?:-[a-z0-9]+)*\.ts$/;
  expect(files.filter((file) => !name.test(relative('.', file)))).toEqual([]);
});
