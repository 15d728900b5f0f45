/** A list of thousands, of which only what is seen is drawn. */
import type { ComponentChildren } from 'preact';
import { useLayoutEffect, useRef, useState } from 'preact/hooks';

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
  readonly shown?: number;
}

/** Rows above and below what is seen, so that scrolling shows no gaps. */
const MARGIN = 8;

export function WindowList<T>(props: WindowListProps<T>) {
  const { items, rowHeight, keyOf, row, label, shown } = props;
  const box = useRef<HTMLDivElement>(null);
  const [{ top, height }, setSeen] = useState({ top: 0, height: 600 });
  useLayoutEffect(() => {
    const element = box.current!;
    const look = (): void => setSeen({ top: element.scrollTop, height: element.clientHeight });
    const resized = new ResizeObserver(look);
    resized.observe(element);
    element.addEventListener('scroll', look, { passive: true });
    return () => {
      resized.disconnect();
      element.removeEventListener('scroll', look);
    };
  }, []);
  useLayoutEffect(() => {
    if (shown === undefined) return;
    const element = box.current!;
    const at = shown * rowHeight;
    if (at < element.scrollTop) element.scrollTop = at;
    else if (at + rowHeight > element.scrollTop + element.clientHeight)
      element.scrollTop = at + rowHeight - element.clientHeight;
  }, [shown, rowHeight]);
  const first = Math.max(0, Math.floor(top / rowHeight) - MARGIN);
  const last = Math.min(items.length, Math.ceil((top + height) / rowHeight) + MARGIN);
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
