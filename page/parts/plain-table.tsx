import type { ComponentChildren } from 'preact';

export interface PlainTableProps {
  /** Of each column, in order. */
  readonly heads: readonly string[];
  /** A class beside those that all have. */
  readonly class?: string;
  /** The rows. */
  readonly children: ComponentChildren;
}

/** A table of few rows, each on its own in a narrow window. */
export function PlainTable({ heads, class: name = '', children }: PlainTableProps) {
  return (
    <table class={`plain stack ${name}`}>
      <thead>
        <tr>
          {heads.map((head) => (
            <th scope="col" key={head}>
              {head}
            </th>
          ))}
        </tr>
      </thead>
      <tbody>{children}</tbody>
    </table>
  );
}
