/** Files that are being stored: each is a put, which takes the pieces of its body as they come. */
import { Observable } from 'rxjs';
import type { UploadOffset } from '../../store/contract.ts';
import type { CommandEffect } from '../session/effect.ts';
import type { EffectResult } from '../session/event.ts';
import { give, type PerformerState, type Results } from './performer-state.ts';
import { createPutTask, type PutTask } from './put-task.ts';

/**
 * Begins a put. The puts of one connection begin in their order, and the bodies that come meanwhile wait with them.
 * Without a connection, one whose body is not whole is aborted.
 */
export function openPut(
  { store, files, puts, onInternalError }: PerformerState,
  request: number,
  effect: Extract<CommandEffect, { type: 'openPut' }>,
): Results {
  return new Observable((subscriber) => {
    let isOver = false;
    let releaseSlot = () => {};
    const finished = (result: EffectResult | null) => {
      isOver = true;
      puts.delete(request);
      releaseSlot();
      if (result === null) subscriber.complete();
      else give(subscriber, result);
    };
    const synced = (value: UploadOffset) => subscriber.next({ of: 'sync', ok: true, value });
    const acquireFile = (go: () => void) =>
      files.writing.acquire((release) => {
        releaseSlot = release;
        go();
      });
    const task = createPutTask(
      { store, acquireFile, onInternalError, synced, finished },
      effect.name,
      effect,
    );
    // A store that refuses at once has ended the task already.
    if (!isOver) puts.set(request, task);
    return () => {
      if (!isOver) task.abandon();
    };
  });
}

/** Appends bytes to a put. The effect ends when they are written, or never will be. */
export function write(state: PerformerState, request: number, bytes: Uint8Array): Results {
  const task = state.puts.get(request);
  if (task === undefined) return undefined;
  return new Observable((subscriber) => {
    task.write(bytes, () => subscriber.complete());
    scheduleFlush(state, task);
  });
}

/** Flushes the put at the end of this turn, so that its last bytes are not left in the queue when no more come. */
function scheduleFlush(state: PerformerState, task: PutTask): void {
  if (state.unflushed === task) return;
  state.unflushed?.flush();
  if (state.unflushed === null) state.atTurnEnd(() => flush(state));
  state.unflushed = task;
}

function flush(state: PerformerState): void {
  state.unflushed?.flush();
  state.unflushed = null;
}
