/**
 * Who may append to an upload: the calls of the database for it, and the way to have it from another node.
 *
 * ```text
 *  held by       what is done                                                   then
 *  nobody        the database gives it                                          the epoch is raised
 *  this node     the put that has it flushes, and lets it go                    as above
 *  another node  it is asked, and has `GIVE_UP_MS` to flush and let it go       as above
 *                it does not answer: the database gives it all the same         the other is fenced
 * ```
 *
 * Who is fenced learns it with its next segment, of which the database names nothing.
 */
import { randomUUID } from 'node:crypto';
import type { Outcome, PutOptions, UploadOffset } from '../contract.ts';
import { err, ok, okVoid } from '../outcome.ts';
import { badOffset, tooManyUploads } from '../upload-limits.ts';
import { EngineFault } from './engine-fault.ts';
import { type FaultAnswer, isFault, LATE, refusalOf } from './fault-answer.ts';
import { foldersOf } from './folders.ts';
import type { Segment } from './segments/segment-writer.ts';
import type { S3StoreState } from './store-state.ts';
import type { RulesFor } from './usage.ts';

/** The right to append to a content. */
export interface Grant {
  readonly key: string;
  readonly epoch: number;
  readonly file: string;
  readonly offset: number;
  readonly crc32: number;
}

/** Milliseconds in which another node can let an upload go with all that it has. */
const GIVE_UP_MS = 1000;

interface Totals {
  readonly others: { readonly count: number; readonly bytes: number };
}
type Held = { readonly held: string };
type Given = Totals & {
  readonly epoch: number;
  readonly file: string;
  readonly offset: number;
  readonly crc32: number;
};
type Taken = Totals & { readonly found: boolean; readonly offset: number; readonly crc32: number };

/** What a put begins with. */
export interface UploadRequest {
  /** Undefined: the put has no key, and is kept for nobody. */
  readonly key: string | undefined;
  /** The id of the content, if it is new. */
  readonly file: string;
  readonly name: string;
  readonly options: PutOptions;
  readonly rules: RulesFor;
}

export async function beginUpload(state: S3StoreState, request: UploadRequest): Promise<Outcome<Grant>> {
  const { key, file, name, options, rules } = request;
  const id = key ?? `~${file}`;
  const { maxUploads } = state.limits;
  const obstacle = state.holders.has(id) ? await placementFault(state, name, options) : null;
  if (obstacle !== null) return refusalOf(obstacle);
  await freeHere(state, id);
  const begin = (force: boolean) =>
    callFor<Given>(state, state.statements.beginUpload, [
      state.node.id,
      force,
      id,
      file,
      name,
      foldersOf(name),
      options.ifAbsent === true,
      options.size,
      key === undefined ? null : (options.offset ?? null),
      key === undefined ? null : maxUploads,
      rules.prefixes,
      rules.limits,
    ]);
  const given = await evenFromAnotherNode(state, id, begin);
  if (isFault(given)) return uploadRefusal(given, maxUploads);
  const { epoch, offset, crc32 } = given;
  return ok({ key: id, epoch, file: given.file, offset, crc32 });
}

/** A put that is refused must not take an upload from another one. */
async function placementFault(
  { database, statements }: S3StoreState,
  name: string,
  { ifAbsent }: PutOptions,
): Promise<FaultAnswer | null> {
  const values = [name, foldersOf(name), ifAbsent === true];
  const row = await database.row<{ answer: FaultAnswer | null }>(statements.placement, values);
  return row?.answer ?? null;
}

function uploadRefusal(answer: FaultAnswer, maxUploads: number) {
  if (answer.fault === 'bad-offset') return badOffset(Number(answer.offset));
  if (answer.fault === 'too-many-uploads') return tooManyUploads(maxUploads);
  if (answer.fault === 'size-mismatch')
    return refusalOf({ ...answer, why: 'there is more of it than was said' });
  return refusalOf(answer);
}

/** Names a segment of an upload; false when somebody else has it by now. @throws an `EngineFault` when that comes too late. */
export async function appendSegment(state: S3StoreState, grant: Grant, segment: Segment): Promise<boolean> {
  const { start, length, object, crc32, crc32OfAll, began } = segment;
  const values = [grant.key, grant.epoch, grant.file, start, length, object, crc32, crc32OfAll, began];
  const row = await state.database.row<{ answer: boolean | null }>(state.statements.appendSegment, values);
  if (row?.answer === null) throw new EngineFault('s3', LATE);
  return row?.answer === true;
}

/** Lets an upload go. @param keep whether what there is of it is kept. */
export async function releaseUpload(state: S3StoreState, grant: Grant, keep: boolean): Promise<void> {
  const values = [state.node.id, grant.key, grant.epoch, keep];
  const row = await state.database.row<{ answer: Totals['others'] }>(state.statements.releaseUpload, values);
  if (row !== undefined) state.others = row.answer;
}

export async function resumeUpload(state: S3StoreState, key: string): Promise<Outcome<UploadOffset>> {
  const { offset, crc32 } = await takeUpload(state, key, false);
  return ok({ offset, crc32 });
}

export async function cancelUpload(state: S3StoreState, key: string): Promise<Outcome<void>> {
  const wasHere = state.holders.has(key);
  const { found } = await takeUpload(state, key, true);
  return found || wasHere ? okVoid : err('not-found', 'there is nothing of such an upload');
}

async function takeUpload(state: S3StoreState, key: string, drop: boolean): Promise<Taken> {
  await freeHere(state, key);
  const operation = randomUUID();
  return await evenFromAnotherNode(state, key, async (force) => {
    const values = [operation, state.node.id, force, key, drop];
    const taken = await callFor<Taken>(state, state.statements.takeUpload, values);
    return taken as Taken | Held;
  });
}

/** Has the put of this node that holds an upload let it go. */
async function freeHere(state: S3StoreState, key: string): Promise<void> {
  await state.holders.get(key)?.take();
}

async function evenFromAnotherNode<T extends object>(
  state: S3StoreState,
  key: string,
  call: (force: boolean) => Promise<T | Held>,
): Promise<T> {
  let answer = await call(false);
  if ('held' in answer) {
    const released = state.node.whenReleased(key, GIVE_UP_MS);
    await state.database.row(state.statements.notify, [state.schema, `take ${state.node.id} ${key}`]);
    await released;
    answer = await call(true);
  }
  if ('others' in answer) state.others = answer.others as Totals['others'];
  return answer as T;
}

async function callFor<T extends object>(
  { database }: S3StoreState,
  statement: Parameters<S3StoreState['database']['row']>[0],
  values: readonly unknown[],
): Promise<T | Held | FaultAnswer> {
  const row = await database.row<{ answer: T | Held | FaultAnswer }>(statement, values);
  if (row === undefined) throw new Error(`${statement.name} has answered nothing`);
  return row.answer;
}
