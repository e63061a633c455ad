import { useMemo, useState } from 'preact/hooks';
import type { Instrumentation, Module, Setting } from '../api/contract.ts';
import { formatCount, formatValue } from '../format.ts';
import { usePolled } from '../live/use-polled.ts';
import { PlainTable } from '../parts/plain-table.tsx';
import { Problem } from '../parts/problem.tsx';
import { wordsOf } from '../pipelines-order.ts';

const MODULES_MS = 10_000;

export function ModulesView() {
  const modules = usePolled<{ modules: readonly Module[] }>('/status/modules', MODULES_MS);
  const instrumentation = usePolled<{ instrumentation: readonly Instrumentation[] }>('/status/instrumentation', null);
  const settings = usePolled<{ settings: readonly Setting[] }>('/status/settings', null);
  const all = [modules, instrumentation, settings];
  const error = all.map((polled) => polled.error).find((problem) => problem !== null);
  // Shown together, so that none pushes the others down.
  const complete = all.every(({ data }) => data !== null);
  return (
    <section class="view" aria-labelledby="view-title">
      <div class="view-head">
        <h1 id="view-title">Modules and settings</h1>
      </div>
      {error !== undefined && <Problem error={error!} />}
      {complete && (
        <>
          <ModuleTable modules={modules.data!.modules} />
          <InstrumentationTable instrumentation={instrumentation.data!.instrumentation} />
          <SettingTable settings={settings.data!.settings} />
        </>
      )}
    </section>
  );
}

function Lamp({ on, text }: { readonly on: boolean; readonly text: string }) {
  return (
    <span class={on ? 'badge running' : 'badge stopped'}>
      <span class="dot" aria-hidden="true" />
      {text}
    </span>
  );
}

function ModuleTable({ modules }: { readonly modules: readonly Module[] }) {
  return (
    <div class="panel">
      <h2>Modules</h2>
      <PlainTable heads={['Name', 'Kind', 'State', 'What it does']}>
        {modules.map(({ name, kind, enabled, description, state }) => (
          <tr key={`${kind} ${name}`}>
            <th scope="row">{name}</th>
            <td>{kind}</td>
            <td>
              <Lamp on={enabled} text={state || (enabled ? 'on' : 'off')} />
            </td>
            <td>{description}</td>
          </tr>
        ))}
      </PlainTable>
    </div>
  );
}

function InstrumentationTable({ instrumentation }: { readonly instrumentation: readonly Instrumentation[] }) {
  return (
    <div class="panel">
      <h2>Instrumentation</h2>
      <PlainTable heads={['Name', 'Version', 'State', 'What it measures']}>
        {instrumentation.map(({ name, version, active, description }) => (
          <tr key={name}>
            <th scope="row">{name}</th>
            <td>{formatValue(version)}</td>
            <td>
              <Lamp on={active} text={active ? 'active' : 'off'} />
            </td>
            <td>{description}</td>
          </tr>
        ))}
      </PlainTable>
    </div>
  );
}

/** Text with code between backticks. */
function Prose({ text }: { readonly text: string }) {
  return <>{text.split('`').map((part, index) => (index % 2 === 1 ? <code key={part}>{part}</code> : part))}</>;
}

function SettingTable({ settings }: { readonly settings: readonly Setting[] }) {
  const [text, setText] = useState('');
  const [changedOnly, setChangedOnly] = useState(false);
  const shown = useMemo(() => {
    const words = wordsOf(text);
    return settings.filter(({ path, description, environment, source }) => {
      const searched = `${path} ${description} ${environment.join(' ')}`.toLowerCase();
      return (!changedOnly || source !== 'default') && words.every((word) => searched.includes(word));
    });
  }, [settings, text, changedOnly]);
  return (
    <div class="panel">
      <div class="panel-head">
        <h2>Settings</h2>
        <span class="muted small tabular" aria-live="polite">
          {formatCount(shown.length)} of {formatCount(settings.length)}
        </span>
      </div>
      <div class="filters">
        <input
          type="search"
          class="search"
          data-search
          placeholder="Filter settings…"
          aria-label="Filter settings"
          aria-keyshortcuts="/"
          value={text}
          onInput={(event) => setText(event.currentTarget.value)}
        />
        <label class="check">
          <input
            type="checkbox"
            checked={changedOnly}
            onChange={(event) => setChangedOnly(event.currentTarget.checked)}
          />
          only what differs from the default
        </label>
      </div>
      <PlainTable heads={['Setting', 'Value', 'From', 'Default', 'What it is']} class="settings">
        {shown.map(({ path, value, default: initial, source, environment, description }) => (
          <tr key={path}>
            <th scope="row">
              <code>{path}</code>
              {environment.map((name) => (
                <code class="variable muted small" key={name}>
                  {name}
                </code>
              ))}
            </th>
            <td data-label="Value">
              <code>{formatValue(value)}</code>
            </td>
            <td data-label="From">
              <span class={source === 'default' ? 'muted' : 'strong'}>{source}</span>
            </td>
            <td class="muted" data-label="Default">
              <code>{formatValue(initial)}</code>
            </td>
            <td>
              <Prose text={description} />
            </td>
          </tr>
        ))}
      </PlainTable>
      {shown.length === 0 && <p class="empty">No setting matches.</p>}
    </div>
  );
}
