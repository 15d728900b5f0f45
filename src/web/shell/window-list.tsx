/** A list of thousands, of which only what is seen is drawn. */
import type { ComponentChildren } from 'preact';
import { useRef } from 'preact/hooks';
import { useWindow } from './use-window.ts';

export interface WindowListProps<T> {
  readonly items: readonly T[];
  /** The height of each row, in pixels: all have the same. */
  readonly rowHeight: number;
  readonly keyOf: (item: T) => string | number;
  readonly row: (item: T, index: number) => ComponentChildren;
  /** What a screen reader calls the list. */
  readonly label: string;
  readonly class?: string;
  /** The row that is to be seen, when it changes. */
  readonly shown?: number | undefined;
}

export function WindowList<T>(props: WindowListProps<T>) {
  const { items, rowHeight, keyOf, row, label, shown } = props;
  const box = useRef<HTMLElement>(null);
  const [first, last] = useWindow(box, { rows: items.length, rowHeight, shown });
  return (
    // A box that scrolls must be reachable by keyboard.
    // biome-ignore lint/a11y/noNoninteractiveTabindex: see above.
    <section ref={box} class={`window-list ${props.class ?? ''}`} aria-label={label} tabIndex={0}>
      <ul class="window-list-rows" style={{ height: `${items.length * rowHeight}px` }}>
        {items.slice(first, last).map((item, at) => (
          <li
            key={keyOf(item)}
            class="window-list-row"
            aria-setsize={items.length}
            aria-posinset={first + at + 1}
            style={{ height: `${rowHeight}px`, transform: `translateY(${(first + at) * rowHeight}px)` }}
          >
            {row(item, first + at)}
          </li>
        ))}
      </ul>
    </section>
  );
}
