/** The list of conversations: filtered, sorted, and windowed. */

import { WindowList } from '../../shell/window-list.tsx';
import { count, countOf } from '../../shell/words.ts';
import { type Inspector, type InspectorState, openConversation, setFilter } from '../model/inspector.ts';
import { type Order, orders } from '../model/list.ts';
import { type ConversationRecord, summaryOf } from '../model/recording.ts';
import { shortAddress } from '../model/short-address.ts';

const ROW_PX = 98;

const ORDER_WORDS: Readonly<Record<Order, string>> = {
  number: 'in order',
  start: 'by start',
  size: 'by size',
  frames: 'by frames',
  faults: 'by faults',
  duration: 'by duration',
};

export function ConversationList({
  inspector,
  state: { filter, list, recording, conversation },
}: {
  readonly inspector: Inspector;
  readonly state: InspectorState;
}) {
  const current = conversation?.it.index;
  const shown = list.findIndex(({ index }) => index === current);
  const open = (it: ConversationRecord): void => {
    inspector.set({ isChosen: true });
    openConversation(inspector, it);
  };
  return (
    <div class="conversation-pane">
      <search class="filter">
        <input
          id="filter"
          type="search"
          placeholder="Address, protocol, #3"
          aria-label="Filter conversations"
          value={filter.text}
          onInput={(event) => setFilter(inspector, { text: event.currentTarget.value })}
          spellcheck={false}
          autocomplete="off"
        />
        <select
          id="order"
          aria-label="Order of conversations"
          value={filter.order}
          onChange={(event) => setFilter(inspector, { order: event.currentTarget.value as Order })}
        >
          {orders.map((order) => (
            <option key={order} value={order}>
              {ORDER_WORDS[order]}
            </option>
          ))}
        </select>
        <label>
          <input
            id="only-faults"
            type="checkbox"
            checked={filter.onlyFaults}
            onChange={(event) => setFilter(inspector, { onlyFaults: event.currentTarget.checked })}
          />
          with faults only
        </label>
        <p id="listed" class="hint" role="status">
          {list.length === recording.conversations.length
            ? ''
            : `${count(list.length)} of ${count(recording.conversations.length)}`}
        </p>
      </search>
      <nav id="conversations" aria-label="Conversations">
        <WindowList
          items={list}
          rowHeight={ROW_PX}
          keyOf={({ index }) => index}
          label="Conversations"
          {...(shown < 0 ? {} : { shown })}
          row={(it) => (
            <button
              type="button"
              class="conversation"
              aria-current={it.index === current}
              onClick={() => open(it)}
            >
              <Row it={it} />
            </button>
          )}
        />
      </nav>
    </div>
  );
}

function Row({ it }: { readonly it: ConversationRecord }) {
  const { frames, bytes, chunks, glued, cut, gaps, faults, conflicts } = summaryOf(it);
  const what = it.protocol === null ? countOf(chunks, 'chunk') : countOf(frames, 'frame');
  return (
    <>
      <span class="ends" title={it.client}>{`#${it.index} ${shortAddress(it.client)}`}</span>
      <span class="ends" title={it.server}>{`→ ${shortAddress(it.server)}`}</span>
      <span class="sum">{[it.protocol, what, countOf(bytes, 'byte')].filter(Boolean).join(', ')}</span>
      <span class="badges">
        <Badge kind="fault" many={faults} text={countOf(faults, 'fault')} />
        <Badge kind="gap" many={gaps} text={countOf(gaps, 'gap')} />
        <Badge kind="conflict" many={conflicts} text={countOf(conflicts, 'conflict')} />
        <Badge kind="glued" many={glued} text={`${count(glued)} glued`} />
        <Badge kind="cut" many={cut} text={`${count(cut)} cut`} />
      </span>
    </>
  );
}

function Badge({
  kind,
  many,
  text,
}: {
  readonly kind: string;
  readonly many: number;
  readonly text: string;
}) {
  if (many === 0) return null;
  return (
    <>
      <span class={`badge ${kind}`}>{text}</span>{' '}
    </>
  );
}
