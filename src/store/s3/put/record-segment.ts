/** Sends the segments of a put, and has the database name them. */

import { newObjectName } from '../segments/object-names.ts';
import type { Segment } from '../segments/segment-writer.ts';
import type { S3StoreState } from '../store-state.ts';
import { appendSegment, beginUpload } from '../uploads.ts';
import { Fenced, type PutState, Refused } from './put-state.ts';

export async function putObject(
  store: S3StoreState,
  file: string,
  start: number,
  pieces: readonly Uint8Array[],
) {
  let began = store.node.now();
  const object = await store.bucket.put(() => {
    began = store.node.now();
    return newObjectName(store.folder, { file, start });
  }, pieces);
  return { object, began: new Date(began) };
}

/** The last segment is named by the commit. */
export async function record(state: PutState, segment: Segment): Promise<void> {
  const isLast = segment.start + segment.length === state.options.size;
  if (isLast || state.isCommitting) state.pending.push(segment);
  else await append(state, segment);
}

async function append(state: PutState, segment: Segment): Promise<void> {
  const { store, file, name, options, rules } = state;
  if (state.grant === null) {
    const begun = await beginUpload(store, { key: undefined, file, name, options, rules });
    if (!begun.ok) throw new Refused(begun);
    state.grant = begun.value;
    store.holders.set(state.grant.key, state.holder);
  }
  // The object is left to the sweep: an earlier try, whose answer was lost, may have named it.
  if (!(await appendSegment(store, state.grant, segment))) throw new Fenced('somebody else has the upload');
}

/** Names what is in S3 and waits for the commit, if somebody may ask for it later. */
export async function appendPending(state: PutState): Promise<void> {
  if (state.options.upload === undefined) return;
  for (let segment = state.pending.shift(); segment !== undefined; segment = state.pending.shift())
    await append(state, segment);
}

/** Deletes an object that no row names, nor ever will. If that fails, the sweep does it. */
export function forget({ bucket }: S3StoreState, { object }: Segment): void {
  if (object !== '') bucket.delete(object).catch(() => {});
}
