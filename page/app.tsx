import { useEffect } from 'preact/hooks';
import type { Route } from './address.ts';
import { hello } from './live/store.ts';
import { Banner, ConnectionLight } from './parts/banner.tsx';
import { Notice } from './parts/notice.tsx';
import { TokenPrompt } from './parts/token-prompt.tsx';
import { route } from './routing.ts';
import { nextTheme, theme } from './theme.ts';
import { ClusterView } from './views/cluster.tsx';
import { MetricsView } from './views/metrics.tsx';
import { ModulesView } from './views/modules.tsx';
import { OverviewView } from './views/overview.tsx';
import { PipelineView } from './views/pipeline.tsx';
import { PipelinesView } from './views/pipelines.tsx';
import { SystemView } from './views/system.tsx';

const VIEWS = [
  { path: '', title: 'Overview' },
  { path: 'pipelines', title: 'Pipelines' },
  { path: 'metrics', title: 'Metrics' },
  { path: 'system', title: 'System' },
  { path: 'modules', title: 'Modules' },
  { path: 'cluster', title: 'Cluster' },
] as const;

function View({ view, id }: Route) {
  if (view === 'pipelines') return id === null ? <PipelinesView /> : <PipelineView key={id} id={id} />;
  if (view === 'metrics') return <MetricsView />;
  if (view === 'system') return <SystemView />;
  if (view === 'modules') return <ModulesView />;
  if (view === 'cluster') return <ClusterView />;
  return <OverviewView />;
}

/** `/` goes to the search line of the view, Escape empties it and leaves it. */
function onKey(event: KeyboardEvent): void {
  const target = event.target instanceof HTMLElement ? event.target : null;
  const typing = target?.closest('input, textarea, select, [contenteditable]') != null;
  if (event.key === '/' && !typing && !event.ctrlKey && !event.metaKey && !event.altKey) {
    const search = document.querySelector<HTMLInputElement>('[data-search]');
    if (search === null) return;
    event.preventDefault();
    search.focus();
    search.select();
  } else if (event.key === 'Escape' && target instanceof HTMLInputElement && target.matches('[data-search]')) {
    target.value = '';
    target.dispatchEvent(new Event('input', { bubbles: true }));
    target.blur();
  }
}

export function App() {
  const current = route.value;
  const title = current.id ?? VIEWS.find(({ path }) => path === current.view)?.title ?? 'Overview';
  useEffect(() => {
    document.title = `${title} · dataflow`;
  }, [title]);
  useEffect(() => {
    window.scrollTo(0, 0);
  }, [current.view, current.id]);
  useEffect(() => {
    document.addEventListener('keydown', onKey);
    return () => document.removeEventListener('keydown', onKey);
  }, []);
  return (
    <>
      <header class="bar">
        <button type="button" class="skip" onClick={() => document.getElementById('main')?.focus()}>
          Skip to the content
        </button>
        <a class="brand" href="#/">
          <svg viewBox="0 0 24 24" width="20" height="20" aria-hidden="true" focusable="false">
            <path d="M2 6h7a6 6 0 0 1 6 6 6 6 0 0 0 6 6M2 18h7M15 6h7" />
          </svg>
          dataflow <span class="version muted small">{hello.value?.version ?? ''}</span>
        </a>
        <nav aria-label="Views">
          {VIEWS.map(({ path, title: name }) => (
            <a key={path} href={`#/${path}`} aria-current={current.view === path ? 'page' : undefined}>
              {name}
            </a>
          ))}
        </nav>
        <div class="bar-end">
          <ConnectionLight />
          <button type="button" class="quiet theme" onClick={nextTheme} title="Colours: automatic, light, dark">
            <span class="sr">Colours: </span>
            {theme.value}
          </button>
        </div>
      </header>
      <main id="main" tabIndex={-1}>
        <View {...current} />
      </main>
      <Banner />
      <Notice />
      <TokenPrompt />
    </>
  );
}
