import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import { makeDirectory } from '../../../src/connectors/make-directory.ts';
import { folderWith } from '../../support/folder.ts';

test('makes what is missing, also twice and at once', async () => {
  const folder = await folderWith();
  const path = join(folder, 'a/b/c');
  await Promise.all([makeDirectory(path), makeDirectory(path), makeDirectory(join(folder, 'a/b/d'))]);
  await makeDirectory(path);
  expect((await stat(path)).isDirectory()).toBe(true);
  expect((await stat(join(folder, 'a/b/d'))).isDirectory()).toBe(true);
});

test('ends with the fault of the file system', async () => {
  const folder = await folderWith({ file: '' });
  await expect(makeDirectory(join(folder, 'file'))).rejects.toMatchObject({ code: 'ENOTDIR' });
  await expect(makeDirectory(join(folder, 'file/x/y'))).rejects.toMatchObject({ code: 'ENOTDIR' });
});

(process.platform === 'linux' ? test : test.skip)('ends where nothing can be made, as under /proc', async () => {
  await expect(makeDirectory('/proc/nowhere/x')).rejects.toMatchObject({ code: 'ENOENT' });
});
