import { signal } from '@preact/signals';

const THEME_KEY = 'dataflow.theme';
const THEMES = ['auto', 'light', 'dark'] as const;
export type Theme = (typeof THEMES)[number];

const stored = localStorage.getItem(THEME_KEY);

export const theme = signal<Theme>(THEMES.find((name) => name === stored) ?? 'auto');

/** Raised when the colours on screen change, by the button or by the system. */
export const colours = signal(0);

function show(): void {
  if (theme.value === 'auto') document.documentElement.removeAttribute('data-theme');
  else document.documentElement.dataset.theme = theme.value;
  colours.value += 1;
}

export function nextTheme(): void {
  theme.value = THEMES[(THEMES.indexOf(theme.value) + 1) % THEMES.length]!;
  localStorage.setItem(THEME_KEY, theme.value);
  show();
}

matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => {
  colours.value += 1;
});
show();

const probe = document.createElement('span');
probe.hidden = true;
document.body.append(probe);

/** A colour of the style sheet as it is on screen now, for what is drawn on a canvas. */
export function colour(name: string): string {
  probe.style.color = `var(--${name})`;
  return getComputedStyle(probe).color;
}
