/** The table of connections: thousands, of which only those are drawn that are seen. */
import { useEffect, useRef, useState } from 'preact/hooks';
import type { ConnectionRow } from '../../files/protocol/watching.ts';
import { useWindow } from '../shell/use-window.ts';
import { bytes, count, rate } from '../shell/words.ts';
import { clock, part, WAITS } from './amounts.ts';
import type { WatchModel, WatchState } from './model.ts';
import { type Column, partOf, rateOf } from './rows.ts';

const ROW_HEIGHT = 32;
/** Where a row has three lines: the same width as in the stylesheet. */
const STACKED = matchMedia('(max-width: 800px)');
const STACKED_HEIGHT = 72;
/** More than are ever drawn: what scrolls in is shown by the elements of what has scrolled out. */
const SLOTS = 128;
const COLUMNS: readonly (readonly [Column, string])[] = [
  ['peer', 'Peer'],
  ['work', 'Work'],
  ['done', 'Done'],
  ['rate', 'Rate'],
  ['received', 'Received'],
  ['sent', 'Sent'],
  ['since', 'Since'],
];

export interface ConnectionsProps {
  readonly state: WatchState;
  readonly model: WatchModel;
}

export function Connections({ state, model }: ConnectionsProps) {
  const { rows, total, filter } = state;
  return (
    <section class="card connections" aria-label="Connections">
      <div class="connections-bar">
        <h2>Connections</h2>
        <input
          type="search"
          aria-label="Filter by peer, name or file"
          placeholder="Filter"
          value={filter.text}
          onInput={({ currentTarget }) => model.setFilter({ ...filter, text: currentTarget.value })}
        />
        <label>
          <input
            type="checkbox"
            checked={filter.isAtWork}
            onChange={({ currentTarget }) => model.setFilter({ ...filter, isAtWork: currentTarget.checked })}
          />
          at work only
        </label>
        <span class="hint">
          {rows.length === total ? count(total) : `${count(rows.length)} of ${count(total)}`}
        </span>
      </div>
      <ConnectionTable state={state} model={model} />
    </section>
  );
}

function ConnectionTable({ state: { rows, order }, model }: ConnectionsProps) {
  const box = useRef<HTMLElement>(null);
  const height = useRowHeight();
  const [first, last] = useWindow(box, { rows: rows.length, rowHeight: height });
  return (
    // A box that scrolls must be reachable by keyboard.
    // biome-ignore lint/a11y/noNoninteractiveTabindex: see above.
    <section ref={box} class="connection-grid" aria-label="Rows of connections" tabIndex={0}>
      <table aria-rowcount={rows.length + 1} aria-label="Connections">
        <thead>
          <tr aria-rowindex={1}>
            {COLUMNS.map(([column, title]) => {
              const isIt = order.by === column;
              return (
                <th
                  key={column}
                  scope="col"
                  class={`connection-${column}`}
                  aria-sort={!isIt ? 'none' : order.isDescending ? 'descending' : 'ascending'}
                >
                  <button
                    type="button"
                    onClick={() =>
                      model.setOrder({ by: column, isDescending: isIt ? !order.isDescending : true })
                    }
                  >
                    {title}
                    {isIt && <span aria-hidden="true">{order.isDescending ? '▼' : '▲'}</span>}
                  </button>
                </th>
              );
            })}
          </tr>
        </thead>
        <tbody style={{ height: `${rows.length * height}px` }}>
          {rows.slice(first, last).map((row, at) => (
            <Row key={(first + at) % SLOTS} row={row} index={first + at} top={(first + at) * height} />
          ))}
        </tbody>
      </table>
    </section>
  );
}

/** Rows are as high as the stylesheet makes them. */
function useRowHeight(): number {
  const [isStacked, setStacked] = useState(STACKED.matches);
  useEffect(() => {
    const changed = (): void => setStacked(STACKED.matches);
    STACKED.addEventListener('change', changed);
    return () => STACKED.removeEventListener('change', changed);
  }, []);
  return isStacked ? STACKED_HEIGHT : ROW_HEIGHT;
}

interface RowProps {
  readonly row: ConnectionRow;
  readonly index: number;
  /** In pixels. */
  readonly top: number;
}

function Row({ row, index, top }: RowProps) {
  const { name, remote, cmd, filename, waits, received, sent, since } = row;
  const done = partOf(row);
  return (
    <tr class="connection" aria-rowindex={index + 2} style={{ top: `${top}px` }}>
      <td class="connection-peer" title={remote}>
        {name !== null && name !== '' && <b>{name} </b>}
        {remote}
      </td>
      <td class="connection-work" title={filename ?? undefined}>
        {cmd ?? <span class="hint">idle</span>} {filename}
        {waits !== null && <span class="waits"> waits {WAITS[waits]}</span>}
      </td>
      <td class="connection-done number">
        {done !== null && (
          <>
            <progress value={done} max={1} aria-label="Done" /> {part(done)} of {bytes(row.size ?? 0)}
          </>
        )}
      </td>
      <td class="connection-rate number">{rateOf(row) > 0 ? rate(rateOf(row)) : ''}</td>
      <td class="connection-received number">{bytes(received)}</td>
      <td class="connection-sent number">{bytes(sent)}</td>
      <td class="connection-since number">{clock(since)}</td>
    </tr>
  );
}
