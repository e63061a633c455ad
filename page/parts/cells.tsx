import type { ComponentChildren } from 'preact';

interface CellProps {
  readonly class?: string;
  readonly title?: string;
  readonly children?: ComponentChildren;
}

/**
 * A cell of a row of `VirtualRows`. A new text is a new element: text that stands at the right and gets longer would
 * count as a shift of the layout.
 */
export function Cell({ class: name = '', title, children }: CellProps) {
  return (
    <div class={`cell ${name}`} role="cell" title={title}>
      {typeof children === 'string' ? <span key={children}>{children}</span> : children}
    </div>
  );
}

interface ColumnHeadProps extends CellProps {
  readonly sort?: 'none' | 'ascending' | 'descending';
}

export function ColumnHead({ class: name = '', sort, children }: ColumnHeadProps) {
  return (
    <div class={`cell ${name}`} role="columnheader" aria-sort={sort}>
      {children}
    </div>
  );
}
