/** Files that are open to be sent: they are opened, sent in their turn, and closed whatever happens. */
import { Observable } from 'rxjs';
import type { Outcome, Source } from '../../store/contract.ts';
import { serviceFault } from '../protocol/errors.ts';
import type { FileInfo } from '../protocol/file.ts';
import type { Effect } from '../session/effect.ts';
import { callStore } from './call-store.ts';
import { give, type OpenFile, type PerformerState, type Results, resultOf } from './performer-state.ts';
import { sendFile } from './send-task.ts';

/** Opens a file to be sent. The effect lasts as long as the file is open, so that it is closed whatever happens. */
export function openFile(state: PerformerState, request: number, name: string): Results {
  const { store, files, pending, sources, onInternalError } = state;
  return new Observable((subscriber) => {
    let isWanted = true;
    let isGranted = false;
    let withdraw = () => {};
    const opened = (outcome: Outcome<Source>, release: () => void) => {
      pending.delete(request);
      if (!outcome.ok) {
        release();
        give(subscriber, resultOf('open', outcome));
      } else if (!isWanted) close(state, { source: outcome.value, release });
      else {
        sources.set(request, { source: outcome.value, release, closed: () => subscriber.complete() });
        subscriber.next({ of: 'open', ok: true, value: infoOf(outcome.value) });
      }
    };
    const drop = () => {
      isWanted = false;
      pending.delete(request);
      withdraw();
      subscriber.complete();
    };
    // Before a slot is asked for, since it may be there at once.
    pending.set(request, drop);
    const unwanted = files.reading.acquire((release) => {
      isGranted = true;
      withdraw = () => {};
      callStore(
        () => store.open(name),
        onInternalError,
        (outcome) => opened(outcome, release),
      );
    });
    if (!isGranted) withdraw = unwanted;
    return () => {
      if (pending.get(request) === drop) drop();
      closeFile(state, request);
    };
  });
}

/** What is said of a file. A source may be any object of its store, which would be counted as a result. */
function infoOf({ name, size, mtime, crc32 }: Source): FileInfo {
  return { name, size, mtime, ...(crc32 === undefined ? {} : { crc32 }) };
}

/** The effect `send` of a session. To an actor `send` is a message, so a file has a name of its own. */
export type SendFile = Omit<Extract<Effect, { type: 'send' }>, 'type'> & { readonly type: 'sendFile' };

export function send(state: PerformerState, { request, offset, length }: SendFile): Results {
  const { flow, sources, sending, onInternalError } = state;
  const opened = sources.get(request);
  if (opened === undefined) return undefined;
  return new Observable((subscriber) => {
    const progress = { offset, length, bytes: 0, isReading: false };
    sending.set(request, progress);
    sendFile({ flow, onInternalError }, opened.source, progress, ({ bytes, failed, error }) => {
      sending.delete(request);
      closeFile(state, request);
      const isShort = failed === 'read';
      give(
        subscriber,
        isShort
          ? { of: 'send', ok: false, error: error ?? endedAfter(bytes) }
          : { of: 'send', ok: true, value: bytes },
      );
    });
  });
}

const endedAfter = (bytes: number) => serviceFault('internal', `the file ended after ${bytes} bytes`);

export function closeFile(state: PerformerState, request: number): void {
  const opened = state.sources.get(request);
  if (opened === undefined || state.sending.has(request)) return;
  state.sources.delete(request);
  close(state, opened);
  opened.closed();
}

const CLOSED = { ok: true, value: undefined } as const;

function close({ onInternalError }: PerformerState, { source, release }: OpenFile): void {
  const closing = () => {
    const closed = source.close();
    return closed === undefined ? CLOSED : Promise.resolve(closed).then(() => CLOSED);
  };
  callStore(closing, onInternalError, release);
}
