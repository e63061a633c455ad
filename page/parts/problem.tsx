import type { ApiError } from '../api/client.ts';

/** An error of the API: its message, which names the remedy, its code, and what exactly is wrong. */
export function Problem({ error }: { readonly error: ApiError }) {
  return (
    <div class="problem" role="alert">
      <p>{error.message}</p>
      {error.details !== null && error.details.length > 0 && (
        <ul>
          {error.details.map(({ path, expected, got }) => (
            <li key={path}>
              <code>{path}</code>: expected {expected}, got {got}
            </li>
          ))}
        </ul>
      )}
      <p class="muted small">{error.code}</p>
    </div>
  );
}
