import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { expect, test } from '@jest/globals';
import { readPageFiles } from '../../../../src/server/status/page-files.ts';
import { folderWith } from '../../../support/folder.ts';

test('there are none where the page was not built', async () => {
  expect([...(await readPageFiles('/nowhere/at/all')).keys()]).toEqual([]);
});

test('each has its type; a hash in its name lets it be kept', async () => {
  const folder = await folderWith({ 'index.html': '<!doctype html>', 'robots.txt': 'no' });
  await mkdir(join(folder, 'assets'));
  await writeFile(join(folder, 'assets/main-1A2B3C4D.js'), 'export {};\n'.repeat(100));
  await writeFile(join(folder, 'assets/main.css'), 'a{}');
  await writeFile(join(folder, 'assets/icon.bin'), Buffer.from([0, 255]));
  const files = await readPageFiles(folder);
  expect([...files.keys()].sort()).toEqual([
    '/',
    '/assets/icon.bin',
    '/assets/main-1A2B3C4D.js',
    '/assets/main.css',
    '/robots.txt',
  ]);
  expect(files.get('/')).toMatchObject({ type: 'text/html; charset=utf-8', cacheControl: 'no-cache' });
  expect(files.get('/assets/main.css')).toMatchObject({ type: 'text/css; charset=utf-8', cacheControl: 'no-cache' });
  expect(files.get('/assets/icon.bin')).toMatchObject({ type: 'application/octet-stream', gzipped: undefined });
  const script = files.get('/assets/main-1A2B3C4D.js')!;
  expect(script.cacheControl).toBe('public, max-age=31536000, immutable');
  expect(gunzipSync(script.gzipped!)).toEqual(script.bytes);
  expect(new Set([...files.values()].map(({ etag }) => etag)).size).toBe(5);
});
