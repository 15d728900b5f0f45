/** Keys that work everywhere but where something is typed. */
import { type Inspector, setUnit, showAll } from '../model/inspector.ts';
import { zoom } from '../model/scale.ts';
import { stepThroughFrames, stepThroughMarks } from '../model/stepping.ts';

/** @param query the field of the search. */
export function keysOf(
  inspector: Inspector,
  query: () => HTMLInputElement | null,
): (event: KeyboardEvent) => void {
  const zoomBy = (factor: number): void =>
    inspector.set({ view: zoom(inspector.state().view, factor, 0.5), isChosen: true });
  const keys: Readonly<Record<string, () => void>> = {
    '+': () => zoomBy(1.5),
    '=': () => zoomBy(1.5),
    '-': () => zoomBy(1 / 1.5),
    '0': () => showAll(inspector),
    b: () => setUnit(inspector, 'bytes'),
    t: () => setUnit(inspector, 'time'),
    r: () => setUnit(inspector, 'true'),
    n: () => stepThroughFrames(inspector, 1),
    p: () => stepThroughFrames(inspector, -1),
    m: () => stepThroughMarks(inspector, 1),
    M: () => stepThroughMarks(inspector, -1),
    '/': () => {
      query()?.focus();
      query()?.select();
    },
    Escape: () => inspector.set({ selected: null, isChosen: true }),
  };
  return (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) return;
    if (isTyping(event.target) || inspector.state().conversation === null) return;
    const act = keys[event.key];
    if (act === undefined) return;
    event.preventDefault();
    inspector.set({ isChosen: true });
    act();
  };
}

function isTyping(target: EventTarget | null): boolean {
  return target instanceof HTMLElement && target.matches('input, select, textarea, dialog *');
}
