/** The drawing as a list: for whoever does not see it, and to go through it by keys. */
import { useMemo } from 'preact/hooks';
import { WindowList } from '../../shell/window-list.tsx';
import { count, countOf } from '../../shell/words.ts';
import type { ConversationView } from '../model/conversation-view.ts';
import { goToItem, type Inspector } from '../model/inspector.ts';
import { type Item, isCut, isGlued, nameOfFault } from '../model/items.ts';
import { inUnit } from '../model/scale.ts';
import { rowsOf } from '../model/stepping.ts';

const ROW_PX = 34;

export function Rows({
  inspector,
  conversation,
  selected,
}: {
  readonly inspector: Inspector;
  readonly conversation: ConversationView;
  readonly selected: Item | null;
}) {
  const rows = useMemo(() => rowsOf(conversation), [conversation]);
  const shown = useMemo(() => (selected === null ? -1 : rows.indexOf(selected)), [rows, selected]);
  const show = (item: Item): void => {
    inspector.set({ isChosen: true });
    goToItem(inspector, item);
  };
  return (
    <section class="rows" aria-labelledby="rows-title">
      <h3 id="rows-title">Frames, chunks without one, and marks, by time</h3>
      <WindowList
        items={rows}
        rowHeight={ROW_PX}
        keyOf={({ side, kind, at }) => `${side} ${kind} ${at}`}
        label="Frames, chunks and marks"
        {...(shown < 0 ? {} : { shown })}
        row={(item) => (
          <button type="button" class="row" aria-current={item === selected} onClick={() => show(item)}>
            <span class="from">{item.side === 'client' ? '→ client' : '← server'}</span>
            <span class={`what ${item.kind}`}>{whatOf(item)}</span>
            <span class="number">{inUnit('time', item.time)}</span>
            <span class="number">{countOf(item.end - item.position, 'byte')}</span>
            <span class="marks">{marksOf(item)}</span>
          </button>
        )}
      />
    </section>
  );
}

function whatOf(item: Item): string {
  switch (item.kind) {
    case 'frame':
      return `#${item.number} ${item.label}`;
    case 'chunk':
      return `chunk ${item.at + 1}`;
    case 'gap':
      return `gap: ${item.reason}`;
    case 'conflict':
      return `conflict at ${count(item.position)}`;
    case 'fault':
      return nameOfFault(item);
  }
}

function marksOf(item: Item): string {
  if (item.kind !== 'frame') return '';
  return [
    isGlued(item) ? 'glued' : '',
    isCut(item) ? 'cut' : '',
    item.missing > 0 ? `${item.state}: ${count(item.missing)} missing` : '',
  ]
    .filter(Boolean)
    .join(', ');
}
