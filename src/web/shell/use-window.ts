/** Which rows of a box that scrolls are seen, so that only those are drawn. */
import type { RefObject } from 'preact';
import { useLayoutEffect, useState } from 'preact/hooks';

export interface WindowOptions {
  readonly rows: number;
  /** The height of each row, in pixels: all have the same. */
  readonly rowHeight: number;
  /** The height of a head that stays at the top of the box, in pixels; default 0. */
  readonly headHeight?: number;
  /** The row that is to be seen: the box is scrolled when it changes. */
  readonly shown?: number | undefined;
}

/** Rows above and below what is seen, so that scrolling shows no gaps. */
const MARGIN = 8;

/** The first of the rows to draw, and the one behind the last. */
export function useWindow(
  box: RefObject<HTMLElement | null>,
  options: WindowOptions,
): readonly [number, number] {
  const { rows, rowHeight, headHeight = 0, shown } = options;
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
    else if (at + headHeight + rowHeight > element.scrollTop + element.clientHeight)
      element.scrollTop = at + headHeight + rowHeight - element.clientHeight;
  }, [shown, rowHeight, headHeight]);
  const first = Math.max(0, Math.floor(top / rowHeight) - MARGIN);
  return [Math.min(first, rows), Math.min(rows, Math.ceil((top + height) / rowHeight) + MARGIN)];
}
