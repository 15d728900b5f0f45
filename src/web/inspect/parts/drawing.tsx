/** The canvas, the names of its lanes beside it, and what the pointer and the keys do on it. */
import { useLayoutEffect, useMemo, useRef } from 'preact/hooks';
import { count, countOf } from '../../shell/words.ts';
import { type SideName, sideNames } from '../data/page-data.ts';
import { draw } from '../draw/draw.ts';
import type { ConversationView } from '../model/conversation-view.ts';
import type { Inspector, InspectorState } from '../model/inspector.ts';
import { CHUNKS_PX, FRAMES_PX, framesTop, HEIGHT_PX, type Layout, topOf } from '../model/layout.ts';
import { inUnit, pan, type View, zoom } from '../model/scale.ts';
import { foundIn } from '../model/searching.ts';
import { followPointer } from './pointer.ts';

interface DrawingProps {
  readonly inspector: Inspector;
  readonly state: InspectorState;
  readonly conversation: ConversationView;
}

export function Drawing({ inspector, state, conversation }: DrawingProps) {
  const canvas = useRef<HTMLCanvasElement>(null);
  const layout = useRef<Layout | null>(null);
  const { view, selected, hovered, search } = state;
  const found = useMemo(() => foundIn(search.hits, conversation), [search.hits, conversation]);
  const redraw = useRef(() => {});
  redraw.current = () => {
    const element = canvas.current!;
    layout.current = draw(element, { conversation, view, selected, hovered, found });
    Object.assign(element.dataset, { unit: view.unit, from: String(view.from), to: String(view.to) });
  };
  useLayoutEffect(() => {
    const frame = requestAnimationFrame(() => redraw.current());
    return () => cancelAnimationFrame(frame);
  }, [conversation, view, selected, hovered, found]);
  useLayoutEffect(() => {
    const element = canvas.current!;
    const again = (): void => {
      inspector.set({ width: element.clientWidth });
      redraw.current();
    };
    const resized = new ResizeObserver(again);
    resized.observe(element);
    const scheme = matchMedia('(prefers-color-scheme: dark)');
    scheme.addEventListener('change', again);
    const ended = followPointer(element, inspector, () => layout.current);
    return () => {
      resized.disconnect();
      scheme.removeEventListener('change', again);
      ended();
    };
  }, []);
  const onKeyDown = (event: KeyboardEvent): void => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const now = inspector.state().view;
    const next = {
      ArrowLeft: () => pan(now, -0.15),
      ArrowRight: () => pan(now, 0.15),
      ArrowUp: () => zoom(now, 1.5, 0.5),
      ArrowDown: () => zoom(now, 1 / 1.5, 0.5),
    }[event.key];
    if (next === undefined) return;
    event.preventDefault();
    inspector.set({ view: next() });
  };
  return (
    <div class="drawing">
      <div class="lanes">
        <span id="span" class="hint">
          {spanInWords(view)}
        </span>
        {sideNames.map((side) => (
          <LaneNames key={side} side={side} conversation={conversation} />
        ))}
      </div>
      <canvas
        ref={canvas}
        id="canvas"
        tabIndex={0}
        role="img"
        aria-label={inOneLine(conversation)}
        aria-describedby="rows-title"
        style={{ height: `${HEIGHT_PX}px` }}
        onKeyDown={onKeyDown}
      />
    </div>
  );
}

function LaneNames({
  side,
  conversation,
}: {
  readonly side: SideName;
  readonly conversation: ConversationView;
}) {
  const { counts, chunks, frames } = conversation.lanes[side];
  const shown = (here: number, all: number): string => (here < all ? ` (${count(here)} shown)` : '');
  return (
    <>
      <div
        class="lane"
        id={`${side}-chunks-lane`}
        style={{ top: `${topOf[side]}px`, height: `${CHUNKS_PX}px` }}
      >
        <b>{side === 'client' ? '→ client' : '← server'}</b>
        <span id={`${side}-chunks`}>
          {countOf(counts.chunks, 'chunk') + shown(chunks.length, counts.chunks)}
        </span>
      </div>
      <div
        class="lane"
        id={`${side}-frames-lane`}
        style={{ top: `${framesTop(side)}px`, height: `${FRAMES_PX}px` }}
      >
        <span id={`${side}-frames`}>
          {countOf(counts.frames, 'frame') + shown(frames.length, counts.frames)}
        </span>
        <small id={`${side}-counts`}>{countsInWords(conversation, side)}</small>
      </div>
    </>
  );
}

function countsInWords({ lanes }: ConversationView, side: SideName): string {
  const { counts } = lanes[side];
  return [
    countOf(counts.bytes, 'byte'),
    ...(counts.glued > 0 ? [`${count(counts.glued)} glued`] : []),
    ...(counts.cut > 0 ? [`${count(counts.cut)} cut`] : []),
    ...(counts.missing > 0 ? [`${count(counts.missing)} missing`] : []),
    ...(counts.retransmitted > 0 ? [`${count(counts.retransmitted)} sent again`] : []),
    ...(counts.conflicts > 0 ? [countOf(counts.conflicts, 'conflict')] : []),
    ...(counts.ignored > 0 ? [`${count(counts.ignored)} ignored`] : []),
  ].join(', ');
}

const spanInWords = ({ unit, from, to }: View): string =>
  `${inUnit(unit, Math.max(0, Math.round(from)))} to ${inUnit(unit, Math.round(to))}`;

/** Describes the drawing for a screen reader. */
function inOneLine({ lanes }: ConversationView): string {
  const sum = sideNames.map((side) => {
    const { counts } = lanes[side];
    return `${side}: ${countOf(counts.chunks, 'chunk')}, ${countOf(counts.frames, 'frame')}`;
  });
  return `${sum.join('; ')}. Arrows move and zoom; all of it is in the list below.`;
}
