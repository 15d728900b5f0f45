/** The ends of a put: it fails, is aborted, or loses its upload to somebody else. */
import { err, type RefusedOutcome } from '../../outcome.ts';
import { EngineFault } from '../engine-fault.ts';
import { releaseUpload } from '../uploads.ts';
import { Fenced, type PutState, Refused } from './put-state.ts';
import { appendPending, forget } from './record-segment.ts';

/** Ends the put because of what was thrown; the bytes of an upload are kept if an engine failed. */
export async function failWith(state: PutState, thrown: unknown): Promise<RefusedOutcome> {
  if (thrown instanceof Refused) return await drop(state, thrown.outcome);
  if (thrown instanceof Fenced) {
    end(state);
    state.options.taken?.();
    await state.writer.end();
    return err('upload-taken');
  }
  if (!(thrown instanceof EngineFault)) {
    await drop(state, err('internal'));
    throw thrown;
  }
  const keep = thrown.code !== 'disk-full';
  await letGo(state, keep);
  return thrown.refusal;
}

/** Ends the put and keeps nothing of it. */
export async function drop(state: PutState, outcome: RefusedOutcome): Promise<RefusedOutcome> {
  await letGo(state, false);
  return outcome;
}

/** Ends the put and keeps its upload, if it is one that can be gone on with. */
export async function keep(state: PutState, outcome: RefusedOutcome): Promise<RefusedOutcome> {
  await letGo(state, true);
  return outcome;
}

export function end(state: PutState): void {
  const { store, holder, grant } = state;
  state.isOver = true;
  store.puts.delete(holder);
  if (grant !== null && store.holders.get(grant.key) === holder) store.holders.delete(grant.key);
}

/** Ends the put; whatever fails in it is done by the sweep. @param keep whether an upload keeps what it has. */
async function letGo(state: PutState, keep: boolean): Promise<void> {
  if (state.isOver) return;
  const { store, writer, pending, options, isUncertain } = state;
  state.isOver = true;
  const isKept = keep && options.upload !== undefined;
  try {
    if (isKept && !isUncertain) {
      await writer.flush();
      await appendPending(state);
    }
  } catch {
    // What is recorded is kept.
  }
  await writer.end();
  if (!isUncertain) for (const segment of pending.splice(0)) forget(store, segment);
  if (state.grant !== null) await releaseUpload(store, state.grant, isKept).catch(() => {});
  end(state);
}

export const abort = (state: PutState): Promise<void> => state.turns.run(() => letGo(state, true));

/** Lets an upload go for somebody else. A call under way is answered first, and may end the put. */
export const take = (state: PutState): Promise<void> =>
  state.turns.run(async () => {
    if (state.isOver) return;
    state.isTaken = true;
    state.options.taken?.();
    await letGo(state, true);
  });
