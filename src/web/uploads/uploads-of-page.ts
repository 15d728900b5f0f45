/** The uploads of the page: they go on whichever view is shown, and belong to whoever is signed in. */
import {
  auditTime,
  distinctUntilChanged,
  filter,
  fromEvent,
  map,
  merge,
  Subscription,
  skip,
  throttleTime,
} from 'rxjs';
import { createUploads } from '../../client/transfers/uploads.ts';
import type { Page } from '../shell/page.ts';
import { connectFrames } from '../shell/requests.ts';
import { isOther } from '../shell/session.ts';
import { type Claims, createClaims } from './claims.ts';
import { RESUMED_BYTES_MIN } from './entry.ts';
import { createHasher } from './hash-file.ts';
import { LARGE_MAX } from './queue-turns.ts';
import { openRecords } from './records.ts';
import { percentOf, totalsOf } from './totals.ts';
import { createUploadList, type UploadList } from './upload-list.ts';

export interface PageUploads {
  readonly list: UploadList;
  /** Whether unfinished uploads outlive the page. */
  readonly survives: Promise<boolean>;
}

/** Bytes between two reports of what is durable; and how many may be under way beyond the last one, for each large file. */
const REPORT_BYTES = 1024 * 1024;
const WINDOW_BYTES = 4 * 1024 * 1024;
const OPTIONS = {
  retries: Number.POSITIVE_INFINITY,
  backoff: { initial: 300, maximum: 5_000 },
  timeout: 30_000,
  resumeThreshold: RESUMED_BYTES_MIN,
  progress: REPORT_BYTES,
  sendWindow: WINDOW_BYTES,
} as const;
/** Milliseconds between two changes of the title, and between two looks of the other views at what is stored. */
const TITLE_MS = 500;
const CHANGED_MS = 1_000;
/** Milliseconds between two questions whether the token is still known, while nothing reaches the server. */
const SESSION_MS = 10_000;

/** The name of this tab, whoever is signed in, and what it claims. */
const TAB = crypto.getRandomValues(new Uint32Array(4)).join('-');
let claims: Claims | null = null;
let current: { readonly account: string; readonly uploads: PageUploads; readonly end: () => void } | null =
  null;

/**
 * Those of whoever is signed in. They end when that is somebody else or nobody: what one has picked must not be sent in
 * the name of another. What is unfinished stays remembered.
 */
export function uploadsOf(page: Page): PageUploads {
  const account = page.session?.name ?? '';
  if (current?.account === account) return current.uploads;
  current?.end();
  const records = openRecords(account, TAB);
  claims ??= createClaims(TAB);
  const small = createUploads({ ...OPTIONS, connect: connectFrames });
  const large = createUploads({ ...OPTIONS, connect: connectFrames, parallel: LARGE_MAX });
  const worker = () => new Worker(WORKER_URLS['uploads/hash-worker']!, { type: 'module' });
  const list = createUploadList({
    ...{ small, large, records, claims },
    hash: createHasher(worker),
    stat: (name) => page.requests.ask((client) => client.stat(name)),
  });
  const all = new Subscription();
  all.add(remember(list, records, claims));
  all.add(warnOfLeaving(list));
  all.add(showPercent(list));
  all.add(sayChanged(list, page));
  all.add(
    merge(small.retries$, large.retries$)
      .pipe(throttleTime(SESSION_MS))
      .subscribe(() => void askAgain(page)),
  );
  const end = (): void => {
    current = null;
    all.unsubscribe();
    list.end();
    small.destroy();
    large.destroy();
    records.close();
  };
  current = { account, uploads: { list, survives: records.survives }, end };
  all.add(page.sessions.state$.pipe(filter((state) => isOther(state, account))).subscribe(end));
  return current.uploads;
}

/** Lists what earlier pages have left behind, and what other tabs leave behind once they are closed. */
function remember(list: UploadList, records: ReturnType<typeof openRecords>, claims: Claims): Subscription {
  const all = new Subscription();
  const look = async (): Promise<void> => {
    const [found, alive] = await Promise.all([records.all(), claims.tabs()]);
    if (all.closed) return;
    const isOthers = (tab: string): boolean => tab !== TAB && (alive?.has(tab) ?? false);
    list.dispatch({ type: 'remembered', records: found.filter(({ tab }) => !isOthers(tab)) });
    for (const tab of new Set(found.map(({ tab }) => tab)))
      if (isOthers(tab)) all.add(claims.gone(tab).subscribe(() => void look()));
  };
  void look().catch(() => {});
  return all;
}

/** The browser asks before the page is left while something would be lost. */
const warnOfLeaving = (list: UploadList): Subscription =>
  fromEvent<BeforeUnloadEvent>(globalThis, 'beforeunload').subscribe((event) => {
    if (totalsOf(list.state().entries).unsaved > 0) event.preventDefault();
  });

/** A browser does not say why a WebSocket is refused: perhaps the token is known no more. */
async function askAgain({ sessions }: Page): Promise<void> {
  const answer = await fetch('session').catch(() => null);
  if (answer?.status === 401) await sessions.ask();
}

const PERCENT = /^\d+ % – /;

function showPercent({ state$ }: UploadList): Subscription {
  return state$.pipe(auditTime(TITLE_MS)).subscribe(({ entries }) => {
    const totals = totalsOf(entries);
    const title = document.title.replace(PERCENT, '');
    document.title = totals.open === 0 ? title : `${percentOf(totals)} % – ${title}`;
  });
}

/** Lets the other views know that there are more files. */
const sayChanged = ({ state$ }: UploadList, { changed$ }: Page): Subscription =>
  state$
    .pipe(
      map(({ storedEver }) => storedEver),
      distinctUntilChanged(),
      skip(1),
      auditTime(CHANGED_MS),
    )
    .subscribe(() => changed$.next());
