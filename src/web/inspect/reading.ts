/** The capture that is read in the served page: which one, how far, and what came of it. No DOM. */

import { asyncScheduler, BehaviorSubject, type Observable, type Subscription, throttleTime } from 'rxjs';
import { wordsOf } from '../shell/words.ts';
import { createInspector, type Inspector, take } from './model/inspector.ts';
import { createRecordingStore, type Recording } from './model/recording.ts';
import { AUTOMATIC, type FramingAsk, type ReadAsk, type Tell } from './read/messages.ts';

/** Milliseconds between two times that the page takes what is new: a list of thousands is sorted each time. */
const TAKE_MS = 150;

export interface ReadingState {
  readonly file: File | null;
  readonly framing: FramingAsk;
  /** Bytes of the file that were read. */
  readonly read: number;
  /** `cut`: somebody has cancelled it. */
  readonly phase: 'none' | 'reading' | 'over' | 'cut' | 'failed';
  /** Why it failed, in words. */
  readonly fault: string;
  /** Made anew with each capture. */
  readonly inspector: Inspector;
}

export interface Reading {
  readonly state$: Observable<ReadingState>;
  readonly state: () => ReadingState;
  readonly open: (file: File) => void;
  /** Reads the same capture again. */
  readonly setFraming: (framing: FramingAsk) => void;
  readonly cancel: () => void;
}

/** @param ask has a worker do something; to unsubscribe ends it. */
export function createReading(ask: (what: ReadAsk) => Observable<Tell>): Reading {
  const state$ = new BehaviorSubject<ReadingState>({
    file: null,
    framing: AUTOMATIC,
    read: 0,
    phase: 'none',
    fault: '',
    inspector: createInspector(''),
  });
  let underWay: Subscription | null = null;
  const set = (change: Partial<ReadingState>): void => state$.next({ ...state$.value, ...change });

  function read(file: File, framing: FramingAsk): void {
    underWay?.unsubscribe();
    const inspector = createInspector(file.name);
    const store = createRecordingStore(file.name);
    set({ file, framing, read: 0, phase: 'reading', fault: '', inspector });
    const told = ask({ type: 'read', file, framing });
    const recordings = new BehaviorSubject<Recording>(store.recording());
    underWay = recordings
      .pipe(throttleTime(TAKE_MS, asyncScheduler, { leading: true, trailing: true }))
      .subscribe((recording) => take(inspector, recording));
    underWay.add(
      told.subscribe({
        next: (tell) => {
          if (tell.type === 'progress') set({ read: tell.read });
          else if (tell.type === 'update') {
            recordings.next(store.add(tell.update));
            set({ read: tell.read });
          } else if (tell.type === 'refused') set({ phase: 'failed', fault: tell.message });
          else if (tell.type === 'over') set(phaseOf(store.recording(), file));
        },
        error: (error: unknown) => set({ phase: 'failed', fault: wordsOf(error) }),
      }),
    );
  }

  return {
    state$,
    state: () => state$.value,
    open: (file) => read(file, state$.value.framing),
    setFraming(framing) {
      const { file } = state$.value;
      if (file === null) set({ framing });
      else read(file, framing);
    },
    cancel() {
      if (state$.value.phase !== 'reading') return;
      underWay?.unsubscribe();
      set({ phase: 'cut' });
    },
  };
}

/** A capture of which nothing can be shown has failed; one that is damaged shows what came before. */
function phaseOf({ fault, conversations, unread }: Recording, file: File): Partial<ReadingState> {
  const read = file.size;
  if (conversations.length > 0) return { phase: 'over', read };
  const none = `${file.name}: there is no TCP connection in it${unread.length === 0 ? '' : `: ${unread.join('; ')}`}`;
  return { phase: 'failed', read, fault: fault ?? none };
}
