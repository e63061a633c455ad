import { signal } from '@preact/signals';
import { type Route, routeOf } from './address.ts';

/** The route of the address as it is now. */
export const route = signal<Route>(routeOf(location.hash));

addEventListener('hashchange', () => {
  route.value = routeOf(location.hash);
});

/** Keeps what was typed in the address, without a step in the history. */
export function rememberParameters(parameters: Readonly<Record<string, string>>): void {
  const kept = Object.entries(parameters).filter(([, value]) => value !== '');
  const query = new URLSearchParams(kept).toString();
  const [path] = location.hash.split('?');
  window.history.replaceState(null, '', `${path || '#/'}${query === '' ? '' : `?${query}`}`);
}
