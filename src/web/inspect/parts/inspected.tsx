/** A recording to look at: its conversations, and the one that is drawn. The page of a file and the served one are of it. */
import type { ComponentChildren } from 'preact';
import { useEffect, useMemo, useRef } from 'preact/hooks';
import { useObservable } from '../../shell/use-observable.ts';
import type { SideName } from '../data/page-data.ts';
import type { ConversationView } from '../model/conversation-view.ts';
import type { Inspector, InspectorState } from '../model/inspector.ts';
import { createSearching } from '../model/searching.ts';
import { ConversationList } from './conversation-list.tsx';
import { Details } from './details.tsx';
import { Drawing } from './drawing.tsx';
import { Introduction } from './introduction.tsx';
import { keysOf } from './keys.ts';
import { Legend } from './legend.tsx';
import { Rows } from './rows.tsx';
import { Toolbar } from './toolbar.tsx';

export interface InspectedProps {
  readonly inspector: Inspector;
  /** How more of the recording can be seen, in words. */
  readonly more: string;
  /** What saves and shows the bytes of one side. */
  readonly follow: (conversation: ConversationView, side: SideName) => ComponentChildren;
}

export function Inspected({ inspector, more, follow }: InspectedProps) {
  const state = useObservable<InspectorState>(inspector.state$, inspector.state());
  const searching = useMemo(() => createSearching(inspector), [inspector]);
  useEffect(() => searching.stop, [searching]);
  const root = useRef<HTMLDivElement>(null);
  useEffect(() => {
    const act = keysOf(inspector, () => root.current?.querySelector<HTMLInputElement>('#query') ?? null);
    document.addEventListener('keydown', act);
    return () => document.removeEventListener('keydown', act);
  }, [inspector]);
  const { conversation, recording, selected, hovered } = state;
  const item = hovered ?? selected;
  return (
    <div class="inspected" ref={root}>
      <Introduction recording={recording} more={more} />
      <ConversationList inspector={inspector} state={state} />
      {conversation !== null && (
        <div class="conversation-view">
          <div>
            <h2 id="title">{`#${conversation.it.index}  ${conversation.it.client} → ${conversation.it.server}`}</h2>
            <p id="about" class="hint">
              {[conversation.it.startedAt, conversation.it.framing, conversation.it.ended]
                .filter(Boolean)
                .join(' · ')}
            </p>
          </div>
          <Toolbar inspector={inspector} searching={searching} state={state} />
          <Drawing inspector={inspector} state={state} conversation={conversation} />
          <Legend />
          <Details item={item} lane={item === null ? null : conversation.lanes[item.side]} />
          <section class="follow" aria-label="Follow">
            {(['client', 'server'] as const).map((side) => follow(conversation, side))}
          </section>
          <Rows inspector={inspector} conversation={conversation} selected={selected} />
          <Hints />
        </div>
      )}
    </div>
  );
}

function Hints() {
  return (
    <p class="hint">
      <kbd>wheel</kbd> <kbd>+</kbd> <kbd>-</kbd> zoom · drag, <kbd>←</kbd> <kbd>→</kbd> move · <kbd>0</kbd>{' '}
      all · <kbd>n</kbd> <kbd>p</kbd> next, previous · <kbd>m</kbd> <kbd>M</kbd> next, previous mark ·{' '}
      <kbd>b</kbd> <kbd>t</kbd> <kbd>r</kbd> by bytes, by time, by true time · <kbd>/</kbd> search · a search
      looks at labels, numbers, faults and the bytes that are in this page
    </p>
  );
}
