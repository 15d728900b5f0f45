/** What the pointer does on the drawing: it points, selects, drags and zooms. */
import { extentOf, type Inspector, lengthOf } from '../model/inspector.ts';
import { itemAt, type Layout, MAP_TOP_PX } from '../model/layout.ts';
import { look, overall, pan, type View, zoom } from '../model/scale.ts';

/** The pixels from which a press is a drag. */
const DRAG_PX = 3;

interface Drag {
  readonly x: number;
  readonly from: View;
  moved: boolean;
  readonly isOnMap: boolean;
}

/** @returns ends it. */
export function followPointer(
  canvas: HTMLCanvasElement,
  inspector: Inspector,
  layout: () => Layout | null,
): () => void {
  let drag: Drag | null = null;
  const over = new AbortController();
  const { signal } = over;
  const placeOf = ({ clientX, clientY }: MouseEvent): { x: number; y: number } => {
    const { left, top } = canvas.getBoundingClientRect();
    return { x: clientX - left, y: clientY - top };
  };
  const itemUnder = (event: MouseEvent) => {
    const { conversation } = inspector.state();
    const now = layout();
    const { x, y } = placeOf(event);
    return conversation === null || now === null ? null : itemAt(now, conversation.lanes, x, y);
  };
  const see = (view: View): void => inspector.set({ view, isChosen: true });
  const toMap = (x: number): void => {
    const { conversation, view } = inspector.state();
    if (conversation === null) return;
    const all = overall(view.unit, lengthOf(conversation, view.unit));
    const middle = all.from + ((all.to - all.from) * x) / canvas.clientWidth;
    const half = (view.to - view.from) / 2;
    see(look(view, middle - half, middle + half));
  };

  canvas.addEventListener(
    'pointerdown',
    (event) => {
      if (event.button !== 0) return;
      const { x, y } = placeOf(event);
      canvas.setPointerCapture(event.pointerId);
      drag = { x, from: inspector.state().view, moved: false, isOnMap: y >= MAP_TOP_PX };
      if (drag.isOnMap) toMap(x);
    },
    { signal },
  );
  canvas.addEventListener(
    'pointermove',
    (event) => {
      const { x } = placeOf(event);
      if (drag?.isOnMap) {
        toMap(x);
        return;
      }
      if (drag !== null && (drag.moved || Math.abs(x - drag.x) > DRAG_PX)) {
        drag.moved = true;
        see(pan(drag.from, (drag.x - x) / canvas.clientWidth));
        return;
      }
      const item = itemUnder(event);
      if (item === inspector.state().hovered) return;
      canvas.classList.toggle('pointing', item !== null);
      inspector.set({ hovered: item });
    },
    { signal },
  );
  canvas.addEventListener(
    'pointerup',
    (event) => {
      const was = drag;
      drag = null;
      if (was === null || was.moved || was.isOnMap) return;
      inspector.set({ selected: itemUnder(event), isChosen: true });
    },
    { signal },
  );
  canvas.addEventListener(
    'pointercancel',
    () => {
      drag = null;
    },
    { signal },
  );
  canvas.addEventListener('pointerleave', () => inspector.set({ hovered: null }), { signal });
  canvas.addEventListener(
    'dblclick',
    () => {
      const { selected, view } = inspector.state();
      if (selected === null) return;
      const [from, to] = extentOf(selected, view.unit);
      const room = Math.max(to - from, 1) * 0.6;
      see(look(view, from - room, to + room));
    },
    { signal },
  );
  canvas.addEventListener(
    'wheel',
    (event) => {
      event.preventDefault();
      const { view } = inspector.state();
      const sideways = event.shiftKey || Math.abs(event.deltaX) > Math.abs(event.deltaY);
      if (sideways) see(pan(view, (event.deltaX || event.deltaY) / 1000));
      else see(zoom(view, Math.exp(-event.deltaY / 400), placeOf(event).x / canvas.clientWidth));
    },
    { passive: false, signal },
  );
  return () => over.abort();
}
