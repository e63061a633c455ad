import type { ComponentChildren, TargetedKeyboardEvent } from 'preact';
import { useEffect, useLayoutEffect, useRef, useState } from 'preact/hooks';

export interface VirtualRowsProps<T> {
  readonly items: readonly T[];
  readonly rowHeight: number;
  readonly keyOf: (item: T) => string;
  /** `tabIndex` is for the link or button of the row. */
  readonly render: (item: T, tabIndex: number) => ComponentChildren;
  readonly label: string;
  readonly columns: number;
  readonly head: ComponentChildren;
  readonly class: string;
  /** True while a person points at the rows or has the focus in them. */
  readonly onHold?: (held: boolean) => void;
}

const OVERSCAN = 6;

/**
 * A table that draws the rows in sight only, of plain elements with the roles of a table's. Rows are moved by a transform, which neither lays the page out again nor
 * counts as a shift. One row's link (or button) is in the tab order; arrow keys, Home and End go to the others.
 */
export function VirtualRows<T>(props: VirtualRowsProps<T>) {
  const { items, rowHeight, keyOf, render, label, columns, head, onHold } = props;
  const scroller = useRef<HTMLDivElement>(null);
  const [top, setTop] = useState(0);
  const [height, setHeight] = useState(600);
  const [active, setActive] = useState(0);
  /** The row that gets the focus as soon as it is drawn. */
  const wanted = useRef<number | null>(null);

  useEffect(() => {
    const element = scroller.current!;
    const watch = new ResizeObserver(() => setHeight(element.clientHeight));
    watch.observe(element);
    return () => watch.disconnect();
  }, []);

  const first = Math.max(0, Math.min(Math.floor(top / rowHeight), items.length - 1) - OVERSCAN);
  const last = Math.min(items.length, Math.ceil((top + height) / rowHeight) + OVERSCAN);
  const reachable = Math.min(Math.max(active, first), Math.max(last - 1, 0));

  useLayoutEffect(() => {
    if (wanted.current === null) return;
    const link = scroller.current!.querySelector<HTMLElement>(`[aria-rowindex="${wanted.current + 2}"] :is(a, button)`);
    if (link === null) return;
    wanted.current = null;
    link.focus({ preventScroll: true });
  });

  const go = (index: number): void => {
    const target = Math.min(Math.max(index, 0), items.length - 1);
    const element = scroller.current!;
    const headHeight = element.querySelector<HTMLElement>('.vhead')?.offsetHeight ?? 0;
    const [above, below] = [target * rowHeight, (target + 1) * rowHeight + headHeight - element.clientHeight];
    if (element.scrollTop > above) element.scrollTop = above;
    else if (element.scrollTop < below) element.scrollTop = below;
    wanted.current = target;
    setActive(target);
    setTop(element.scrollTop);
  };

  const onKeyDown = (event: TargetedKeyboardEvent<HTMLDivElement>): void => {
    if (!(event.target instanceof HTMLElement) || event.target.closest('.vrow') === null) return;
    const page = Math.max(1, Math.floor(height / rowHeight) - 1);
    const steps: Readonly<Record<string, number>> = {
      ArrowDown: active + 1,
      ArrowUp: active - 1,
      PageDown: active + page,
      PageUp: active - page,
      Home: 0,
      End: items.length - 1,
    };
    const target = steps[event.key];
    if (target === undefined) return;
    event.preventDefault();
    go(target);
  };

  return (
    <div
      ref={scroller}
      class={`vtable ${props.class}`}
      role="table"
      aria-label={label}
      aria-rowcount={items.length + 1}
      aria-colcount={columns}
      onScroll={(event) => setTop(event.currentTarget.scrollTop)}
      onKeyDown={onKeyDown}
      onPointerEnter={() => onHold?.(true)}
      onPointerLeave={() => onHold?.(false)}
      onFocusIn={(event) => {
        onHold?.(true);
        const row = (event.target as HTMLElement).closest('[aria-rowindex]');
        if (row !== null) setActive(Math.max(0, Number(row.getAttribute('aria-rowindex')) - 2));
      }}
      onFocusOut={() => onHold?.(false)}
    >
      <div class="vhead vgrid" role="row" aria-rowindex={1}>
        {head}
      </div>
      <div class="vbody" role="rowgroup" style={{ height: `${items.length * rowHeight}px` }}>
        {items.slice(first, last).map((item, offset) => {
          const index = first + offset;
          return (
            <div
              key={keyOf(item)}
              class="vrow vgrid"
              role="row"
              aria-rowindex={index + 2}
              style={{ height: `${rowHeight}px`, transform: `translateY(${index * rowHeight}px)` }}
            >
              {render(item, index === reachable ? 0 : -1)}
            </div>
          );
        })}
      </div>
    </div>
  );
}
