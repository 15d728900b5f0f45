/** Uploading: what is dropped or picked, the list of it, and the buttons for one and for all. */
import { useMemo, useState } from 'preact/hooks';
import { auditTime } from 'rxjs';
import { may, type Page } from '../shell/page.ts';
import { folderAt } from '../shell/route-text.ts';
import { useObservable } from '../shell/use-observable.ts';
import { Announcements } from './announcements.tsx';
import { DropZone } from './drop-zone.tsx';
import { FileList } from './file-list.tsx';
import { PanelHead } from './panel-head.tsx';
import { filesOfInput, type Portion } from './picked-files.ts';
import { Question } from './question.tsx';
import { totalsOf } from './totals.ts';
import { uploadsOf } from './uploads-of-page.ts';

/** Milliseconds between two drawings of the list. */
const DRAW_MS = 100;

/** Where the list would hide that of the files: as in `style/uploads.css`. */
const NARROW = '(max-width: 560px), (max-height: 560px)';

/** Made anew for whoever is signed in: nothing of one is shown to another. */
export const UploadsView = ({ page }: { readonly page: Page }) => (
  <Uploads key={page.session?.name ?? ''} page={page} />
);

function Uploads({ page }: { readonly page: Page }) {
  const { list, survives } = uploadsOf(page);
  const state$ = useMemo(() => list.state$.pipe(auditTime(DRAW_MS)), [list]);
  const state = useObservable(state$, list.state());
  const place = folderAt(useObservable(page.place$, ''), page.session?.prefix ?? '');
  // What is above its prefix nobody may write to.
  const prefix = page.session?.prefix ?? '';
  const folder = place.startsWith(prefix) ? place : prefix;
  const [isOpen, setOpen] = useState(() => !matchMedia(NARROW).matches);
  const [verify, setVerify] = useState(false);
  const mayWrite = may(page, 'write');
  const totals = totalsOf(state.entries);

  /** Files that come while others are looked for are sent at once. */
  async function take(portions: AsyncGenerator<Portion>): Promise<void> {
    if (!mayWrite) return page.say('Nothing is uploaded: your token has no right to write here.');
    let unreadable = 0;
    setOpen(true);
    for await (const portion of portions) {
      unreadable += portion.unreadable;
      list.add(folder, portion.files, verify);
    }
    if (unreadable > 0) page.say(`${unreadable} of the files cannot be read, and are left out.`);
  }

  const hasFiles = state.entries.length > 0;
  return (
    <section
      class="uploads"
      aria-label="Uploads"
      data-open={isOpen && hasFiles}
      data-folded={!isOpen && hasFiles}
    >
      <DropZone folder={folder} mayWrite={mayWrite} onDrop={take} />
      <PanelHead
        {...{ totals, mayWrite, verify, setVerify, isOpen, setOpen, survives }}
        trouble={state.trouble}
        dispatch={list.dispatch}
        onPick={(files) => void take(filesOfInput(files))}
      />
      <Question entries={state.entries} dispatch={list.dispatch} />
      {isOpen && hasFiles && <FileList state={state} totals={totals} dispatch={list.dispatch} />}
      <Announcements state={state} totals={totals} />
    </section>
  );
}
