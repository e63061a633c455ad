import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { expect, test } from '@jest/globals';
import { ROOT } from '../../support/command-line.ts';

const PAGES = [
  'README.md',
  'CONTRIBUTING.md',
  'CHANGELOG.md',
  'docs/operations.md',
  'docs/runbooks.md',
  'config/samples/README.md',
  'bench/README.md',
];

const prose = (page: string): string => readFileSync(join(ROOT, page), 'utf8').replaceAll(/^```[\s\S]*?^```$/gm, '');

/** The anchors that GitHub makes of the headings. */
function anchors(page: string): readonly string[] {
  const seen = new Map<string, number>();
  return [...prose(page).matchAll(/^#{1,6} (.+)$/gm)].map(([, heading]) => {
    const words = heading!.toLowerCase().replaceAll(/[^\p{L}\p{N} _-]/gu, '');
    const slug = words.replaceAll(' ', '-');
    const count = seen.get(slug) ?? 0;
    seen.set(slug, count + 1);
    return count === 0 ? slug : `${slug}-${count}`;
  });
}

const links = PAGES.flatMap((page) =>
  [...prose(page).matchAll(/\]\((?!https?:)([^)\s]+)\)/g)].map(([, link]) => [page, link!] as const),
);

test('there are links to check', () => {
  expect(links.filter(([page]) => page === 'README.md').length).toBeGreaterThan(5);
});

test.each(links)('%s: %s leads somewhere', (page, link) => {
  const [path = '', anchor] = link.split('#');
  const target = path === '' ? page : join(dirname(page), path);
  expect([target, existsSync(join(ROOT, target))]).toEqual([target, true]);
  if (anchor !== undefined) expect(anchors(target)).toContain(anchor);
});

test('no heading of the README is there twice', () => {
  expect(new Set(anchors('README.md')).size).toBe(anchors('README.md').length);
});
