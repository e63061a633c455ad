import { existsSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import axe from 'axe-core';
import { type Browser, type BrowserContextOptions, chromium, type Page } from 'playwright-core';
import { ROOT } from './command-line.ts';

const CHROMIUM = '/usr/bin/chromium';
const ARGUMENTS = [
  '--headless',
  '--no-sandbox',
  '--disable-gpu',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];
const ARTIFACTS = join(ROOT, 'test-artifacts/status-page');
/** Long, since only what hangs is to fail by it. */
const DEADLINE_MS = 120_000;

/** Undefined where the browser is there, else why a test that needs it is skipped. */
export const noChromium = existsSync(CHROMIUM) ? undefined : `${CHROMIUM} is not installed (Debian package chromium)`;

/** A browser with a new user data directory. */
export function openBrowser(): Promise<Browser> {
  return chromium.launch({ executablePath: CHROMIUM, args: ARGUMENTS, timeout: DEADLINE_MS });
}

export interface Watched {
  readonly page: Page;
  /** What the console had to complain of, and what was thrown. */
  readonly complaints: string[];
  /** Resolves when the server has sent two more ticks. */
  ticks(): Promise<void>;
  /** Each layout shift so far that no input caused, with what moved. */
  shifts(): Promise<unknown[]>;
  /** What axe-core finds, a line each. */
  violations(): Promise<string[]>;
  /** px by which the page is wider than its window. */
  overflow(): Promise<number>;
  /** Keeps a picture of the whole page in test-artifacts. */
  picture(name: string): Promise<void>;
}

const RECORD_SHIFTS = `
  window.layoutShifts = [];
  new PerformanceObserver((list) => {
    for (const { value, hadRecentInput, sources } of list.getEntries()) {
      if (hadRecentInput) continue;
      window.layoutShifts.push({ value, moved: sources.map(({ node }) => node?.className || node?.nodeName) });
    }
  }).observe({ type: 'layout-shift', buffered: true });
`;

const VIOLATIONS = `axe.run(document).then(({ violations }) =>
  violations.map(({ id, nodes }) => id + ': ' + nodes.map(({ target, failureSummary }) => target + ' ' + failureSummary).join(' | ')))`;

const TWO_TICKS = `(async () => {
  const abort = new AbortController();
  const response = await fetch('/api/v1/events', { signal: abort.signal });
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let text = '';
  while (text.split('event: tick').length < 3) text += (await reader.read()).value;
  abort.abort();
})()`;

/** A page in a context of its own; close it with `page.context().close()`. */
export async function openPage(browser: Browser, options: BrowserContextOptions = {}): Promise<Watched> {
  const context = await browser.newContext({ viewport: { width: 1280, height: 860 }, ...options });
  context.setDefaultTimeout(DEADLINE_MS);
  const page = await context.newPage();
  const complaints: string[] = [];
  page.on('console', (message) => {
    if (message.type() === 'error' || message.type() === 'warning') complaints.push(message.text());
  });
  page.on('pageerror', (error) => complaints.push(error.message));
  await page.addInitScript(RECORD_SHIFTS);
  return {
    page,
    complaints,
    ticks: () => page.evaluate(TWO_TICKS),
    shifts: () => page.evaluate('window.layoutShifts'),
    async violations() {
      await page.evaluate(axe.source);
      return page.evaluate(VIOLATIONS);
    },
    overflow: () => page.evaluate('document.documentElement.scrollWidth - document.documentElement.clientWidth'),
    async picture(name) {
      mkdirSync(ARTIFACTS, { recursive: true });
      await page.screenshot({ path: join(ARTIFACTS, `${name}.png`), fullPage: true });
    },
  };
}
