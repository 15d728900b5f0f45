/** Above the drawing: the scale, zooming, stepping and searching. */
import { type Inspector, type InspectorState, setUnit, showAll } from '../model/inspector.ts';
import { type Unit, units, zoom } from '../model/scale.ts';
import { HITS_MAX } from '../model/search.ts';
import type { Searching } from '../model/searching.ts';
import { stepThroughMarks } from '../model/stepping.ts';

const UNIT_WORDS: Readonly<Record<Unit, readonly [name: string, title: string]>> = {
  bytes: ['bytes', 'by position (b)'],
  time: ['time', 'by time, packed: what is narrow is widened (t)'],
  true: ['true time', 'by time: all is as wide as it took (r)'],
};

export function Toolbar({
  inspector,
  searching,
  state,
}: {
  readonly inspector: Inspector;
  readonly searching: Searching;
  readonly state: InspectorState;
}) {
  const { view, search } = state;
  const zoomBy = (factor: number) => (): void => inspector.set({ view: zoom(view, factor, 0.5) });
  return (
    <div class="tools">
      <fieldset class="group">
        <legend class="unseen">Scale</legend>
        {units.map((unit) => (
          <button
            key={unit}
            type="button"
            id={`by-${unit}`}
            aria-pressed={unit === view.unit}
            title={UNIT_WORDS[unit][1]}
            onClick={() => setUnit(inspector, unit)}
          >
            {UNIT_WORDS[unit][0]}
          </button>
        ))}
      </fieldset>
      <fieldset class="group">
        <legend class="unseen">Zoom</legend>
        <button
          type="button"
          id="zoom-out"
          title="zoom out (-)"
          aria-label="Zoom out"
          onClick={zoomBy(1 / 1.5)}
        >
          −
        </button>
        <button type="button" id="zoom-in" title="zoom in (+)" aria-label="Zoom in" onClick={zoomBy(1.5)}>
          +
        </button>
        <button type="button" id="zoom-fit" title="see all of it (0)" onClick={() => showAll(inspector)}>
          all
        </button>
      </fieldset>
      <fieldset class="group">
        <legend class="unseen">What is marked</legend>
        <button
          type="button"
          id="previous-mark"
          title="the previous fault, gap, conflict, cut or glue (M)"
          onClick={() => stepThroughMarks(inspector, -1)}
        >
          ← mark
        </button>
        <button
          type="button"
          id="next-mark"
          title="the next fault, gap, conflict, cut or glue (m)"
          onClick={() => stepThroughMarks(inspector, 1)}
        >
          mark →
        </button>
      </fieldset>
      <search class="find">
        <input
          id="query"
          type="search"
          placeholder="label, text, 16 03 01, #12"
          aria-label="Search frames"
          autocomplete="off"
          spellcheck={false}
          value={search.query}
          onInput={(event) => searching.seek(event.currentTarget.value)}
          onKeyDown={(event) => {
            if (event.key === 'Enter') searching.goTo(search.hit + (event.shiftKey ? -1 : 1));
          }}
        />
        <div class="group">
          <button
            type="button"
            id="previous-hit"
            aria-label="Previous hit"
            onClick={() => searching.goTo(search.hit - 1)}
          >
            ↑
          </button>
          <button
            type="button"
            id="next-hit"
            aria-label="Next hit"
            onClick={() => searching.goTo(search.hit + 1)}
          >
            ↓
          </button>
        </div>
        <span id="hits" role="status">
          {hitsInWords(state)}
        </span>
      </search>
    </div>
  );
}

function hitsInWords({ search: { query, hits, hit, isOver } }: InspectorState): string {
  if (query.trim() === '') return '';
  if (!isOver) return `searching, ${hits.length} so far`;
  const most = hits.length === HITS_MAX ? ' or more' : '';
  return hits.length === 0 ? 'nothing found' : `${hit + 1} of ${hits.length}${most}`;
}
