import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { expect, test } from '@jest/globals';
import { ROOT } from '../../support/command-line.ts';

const BUILT = join(ROOT, 'dist/page');
const assets = readdirSync(join(BUILT, 'assets'));
const html = readFileSync(join(BUILT, 'index.html'), 'utf8');

test('the page is at most 150 kB of gzip', () => {
  const texts = [html, ...assets.map((name) => readFileSync(join(BUILT, 'assets', name)))];
  const bytes = texts.reduce((sum, text) => sum + gzipSync(text).length, 0);
  expect(bytes).toBeGreaterThan(10_000);
  expect(bytes).toBeLessThanOrEqual(150_000);
});

test('it asks for its own files alone, by the hash of their content', () => {
  const named = [...html.matchAll(/(?:src|href)="([^"]+)"/g)].map(([, path]) => path!);
  expect(named.sort()).toEqual(assets.map((name) => `/assets/${name}`).sort());
  for (const path of named) expect(path).toMatch(/^\/assets\/\w+-[0-9A-Z]{8}\.(?:js|css|svg)$/);
});

test('nothing in it needs an inline script or style, or another host', () => {
  expect(html).not.toMatch(/<style|\sstyle=|<script(?![^>]*\ssrc=)|\son\w+=/);
  const css = assets
    .filter((name) => name.endsWith('.css'))
    .map((name) => readFileSync(join(BUILT, 'assets', name), 'utf8'));
  expect(css.join()).not.toMatch(/@import|url\(\s*["']?(?:https?:)?\/\//);
});
