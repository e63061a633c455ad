/**
 * Bundles page/ into dist/page: index.html, and under assets/ one script, one style sheet and the icon, each with the
 * hash of its content in its name, so that browsers may keep them for ever.
 */
import { createHash } from 'node:crypto';
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const page = fileURLToPath(new URL('../page', import.meta.url));
const target = fileURLToPath(new URL('../dist/page', import.meta.url));

rmSync(target, { recursive: true, force: true });

const { metafile } = await build({
  absWorkingDir: page,
  entryPoints: { main: 'main.tsx' },
  tsconfig: join(page, 'tsconfig.json'),
  outdir: join(target, 'assets'),
  entryNames: '[name]-[hash]',
  bundle: true,
  minify: true,
  format: 'esm',
  target: ['chrome123', 'firefox121', 'safari17.5'],
  legalComments: 'eof',
  metafile: true,
  logLevel: 'warning',
});

const icon = readFileSync(join(page, 'icon.svg'));
const iconName = `icon-${createHash('sha256').update(icon).digest('hex').slice(0, 8).toUpperCase()}.svg`;
mkdirSync(join(target, 'assets'), { recursive: true });
writeFileSync(join(target, 'assets', iconName), icon);

const names = [...Object.keys(metafile.outputs).map((path) => basename(path)), iconName];
const html = readFileSync(join(page, 'index.html'), 'utf8').replaceAll(
  /\/assets\/(\w+)\.(\w+)/g,
  (_, stem, extension) => {
    const name = names.find((built) => built.startsWith(`${stem}-`) && built.endsWith(`.${extension}`));
    if (name === undefined)
      throw new Error(`${join(dirname(page), 'page/index.html')}: nothing was built for ${stem}.${extension}`);
    return `/assets/${name}`;
  },
);
writeFileSync(join(target, 'index.html'), html);
