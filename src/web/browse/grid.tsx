/** The table of a folder: of thousands of rows only those are drawn that are seen. */
import { useLayoutEffect, useRef } from 'preact/hooks';
import { hashOf } from '../shell/route-text.ts';
import { useWindow } from '../shell/use-window.ts';
import { bytes, count, moment } from '../shell/words.ts';
import type { Column, Entry, Order } from './entry.ts';
import { allOf, indexOf, noneOf, onKey, type Selection, toggled } from './selection.ts';

const ROW_HEIGHT = 36;
const COLUMNS: readonly (readonly [Column, string])[] = [
  ['name', 'Name'],
  ['size', 'Size'],
  ['mtime', 'Changed'],
];

export interface GridProps {
  readonly entries: readonly Entry[];
  readonly order: Order;
  readonly selection: Selection;
  /** How many of the entries are chosen. */
  readonly chosen: number;
  readonly onOrder: (order: Order) => void;
  readonly onSelection: (selection: Selection) => void;
  readonly onOpen: (entry: Entry) => void;
}

export function Grid({ entries, order, selection, chosen, onOrder, onSelection, onOpen }: GridProps) {
  const isAllChosen = entries.length > 0 && chosen === entries.length;
  const box = useRef<HTMLDivElement>(null);
  const cursor = indexOf(selection, entries);
  const shown = cursor < 0 ? undefined : cursor;
  const [first, last] = useWindow(box, {
    rows: entries.length,
    rowHeight: ROW_HEIGHT,
    headHeight: ROW_HEIGHT,
    shown,
  });
  const byKey = useRef(false);
  // Before anything else: the row that had the keyboard may be gone, and a key would be nobody's.
  useLayoutEffect(() => {
    // It may be drawn only when the box has been scrolled to it.
    const name = byKey.current ? box.current?.querySelector<HTMLElement>('[data-cursor] .entry-name') : null;
    if (!name) return;
    byKey.current = false;
    name.focus({ preventScroll: true });
  });
  const keyDown = (event: KeyboardEvent): void => {
    // There it presses the button that sorts.
    if (event.key === ' ' && event.target instanceof Element && event.target.closest('thead')) return;
    const row = event.target instanceof Element ? event.target.closest<HTMLElement>('.entry') : null;
    // The keyboard comes to a row by Tab, too.
    const from = cursor < 0 && row ? { ...selection, cursor: row.dataset.path! } : selection;
    const next = onKey(from, entries, event);
    if (next === null) return;
    event.preventDefault();
    byKey.current = true;
    onSelection(next);
  };
  return (
    <div ref={box} class="grid">
      <table aria-rowcount={entries.length + 1} aria-label="Files" onKeyDown={keyDown}>
        <thead>
          <tr>
            <td class="entry-choice">
              <input
                type="checkbox"
                aria-label="Choose all"
                disabled={entries.length === 0}
                checked={isAllChosen}
                indeterminate={chosen > 0 && !isAllChosen}
                onClick={() => onSelection(isAllChosen ? noneOf(selection) : allOf(selection, entries))}
              />
            </td>
            {COLUMNS.map(([column, title]) => (
              <th
                key={column}
                scope="col"
                class={`column-${column}`}
                aria-sort={order.by !== column ? 'none' : order.isDescending ? 'descending' : 'ascending'}
              >
                <button
                  type="button"
                  onClick={() =>
                    onOrder({ by: column, isDescending: order.by === column && !order.isDescending })
                  }
                >
                  {title}
                  {order.by === column && <span aria-hidden="true">{order.isDescending ? '▼' : '▲'}</span>}
                </button>
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          <Space rows={first} />
          {entries.slice(first, last).map((entry, at) => (
            <Row
              key={entry.path}
              entry={entry}
              index={first + at}
              isChosen={selection.chosen.has(entry.path)}
              isCursor={first + at === Math.max(cursor, 0)}
              onOpen={() => {
                onSelection({ ...selection, cursor: entry.path });
                onOpen(entry);
              }}
              onChosen={() => onSelection({ ...toggled(selection, entry.path), cursor: entry.path })}
            />
          ))}
          <Space rows={entries.length - last} />
        </tbody>
      </table>
    </div>
  );
}

/** Stands for rows that are not drawn. */
function Space({ rows }: { readonly rows: number }) {
  if (rows <= 0) return null;
  return (
    <tr>
      <td class="grid-space" style={{ height: `${rows * ROW_HEIGHT}px` }} />
    </tr>
  );
}

interface RowProps {
  readonly entry: Entry;
  readonly index: number;
  readonly isChosen: boolean;
  readonly isCursor: boolean;
  readonly onOpen: () => void;
  readonly onChosen: () => void;
}

function Row({ entry, index, isChosen, isCursor, onOpen, onChosen }: RowProps) {
  const tabIndex = isCursor ? 0 : -1;
  return (
    <tr
      class="entry"
      aria-rowindex={index + 2}
      data-chosen={isChosen || undefined}
      data-cursor={isCursor || undefined}
      data-path={entry.path}
    >
      <td class="entry-choice">
        <input
          type="checkbox"
          tabIndex={-1}
          aria-label={`Choose ${entry.name}`}
          checked={isChosen}
          onClick={onChosen}
        />
      </td>
      <td class="column-name">
        {entry.type === 'folder' ? (
          <a
            class="entry-name"
            data-type="folder"
            tabIndex={tabIndex}
            href={hashOf({ view: 'files', place: entry.path })}
          >
            {entry.name}
            <span class="unseen"> (folder)</span>
          </a>
        ) : (
          <button class="entry-name" type="button" data-type="file" tabIndex={tabIndex} onClick={onOpen}>
            {entry.name}
          </button>
        )}
      </td>
      <td class="column-size number" title={entry.type === 'file' ? `${count(entry.size)} bytes` : undefined}>
        {entry.type === 'file' ? bytes(entry.size) : ''}
      </td>
      <td class="column-mtime number">{entry.type === 'file' ? moment(entry.mtime) : ''}</td>
    </tr>
  );
}
