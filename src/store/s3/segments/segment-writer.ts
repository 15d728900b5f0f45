/**
 * Gathers the bytes of a put into segments, and sends them one after the other.
 *
 * ```text
 *  filling   bytes are copied into blocks; when the segment is full, or memory is short, it is sent
 *  sending   one segment at most is on its way; the next is filled meanwhile, and then waits
 *  failed    a segment could not be sent or recorded: nothing more is taken
 * ```
 *
 * So a put holds two segments at most.
 */
import { crc32OfAll } from '../../crc32.ts';
import { BLOCK_BYTES, type BlockHolder, type MemoryBudget } from './memory-budget.ts';

/** A segment that is in S3. */
export interface Segment {
  /** Its offset in the content, in bytes. */
  readonly start: number;
  readonly length: number;
  readonly object: string;
  readonly crc32: number;
  /** When its PUT began, by the clock of the database. */
  readonly began: Date;
  /** The CRC-32 of the content up to the segment's end. */
  readonly crc32OfAll: number;
}

export interface SegmentWriterDeps {
  readonly budget: MemoryBudget;
  /** The bytes of a whole segment. */
  readonly segmentBytes: number;
  /** Writes an object; answers its name and when that began. */
  readonly put: (start: number, pieces: readonly Uint8Array[]) => Promise<{ object: string; began: Date }>;
  /** Records a segment that is in S3. */
  readonly record: (segment: Segment) => Promise<void>;
}

export interface SegmentWriter {
  /** Copies the chunks. A promise when they have to wait. @throws what `put` or `record` threw. */
  write(chunks: readonly Uint8Array[]): Promise<void> | undefined;
  /** Resolves when all that was written is sent and recorded. @throws what `put` or `record` threw. */
  flush(): Promise<void>;
  /** Drops what is not sent, and waits for what is on its way. */
  end(): Promise<void>;
  /** The bytes written, and of those the ones that are recorded, with their CRC-32. */
  written(): number;
  recorded(): { readonly offset: number; readonly crc32: number };
}

interface WriterState {
  readonly deps: SegmentWriterDeps;
  readonly holder: BlockHolder;
  /** The offset at which the segment begins that is being filled, and its bytes. */
  start: number;
  length: number;
  blocks: Uint8Array[];
  /** The segment that is on its way. */
  sending: Promise<void> | null;
  sendingBlocks: number;
  /** Whether it is to be sent although it is not full, once the one before is. */
  isRelieved: boolean;
  /** The CRC-32 of the content up to `start`. */
  crc32: number;
  recorded: { offset: number; crc32: number };
  fault: { readonly thrown: unknown } | null;
}

/** @param from what of the content is recorded already. */
export function createSegmentWriter(
  deps: SegmentWriterDeps,
  from: { readonly offset: number; readonly crc32: number },
): SegmentWriter {
  const state: WriterState = {
    deps,
    holder: {
      held: () => state.blocks.length + state.sendingBlocks,
      filled: () => state.blocks.length,
      relieve: () => relieve(state),
    },
    start: from.offset,
    length: 0,
    blocks: [],
    sending: null,
    sendingBlocks: 0,
    isRelieved: false,
    crc32: from.crc32,
    recorded: { offset: from.offset, crc32: from.crc32 },
    fault: null,
  };
  deps.budget.join(state.holder);
  return {
    write: (chunks) => write(state, chunks),
    flush: () => flush(state),
    end: () => end(state),
    written: () => state.start + state.length,
    recorded: () => state.recorded,
  };
}

function write(state: WriterState, chunks: readonly Uint8Array[]): Promise<void> | undefined {
  throwFault(state);
  for (const [i, chunk] of chunks.entries()) {
    const rest = take(state, chunk);
    if (rest !== undefined) return writeRest(state, [rest, ...chunks.slice(i + 1)]);
  }
  return undefined;
}

async function writeRest(state: WriterState, chunks: readonly Uint8Array[]): Promise<void> {
  for (const chunk of chunks) {
    for (let rest = take(state, chunk); rest !== undefined; rest = take(state, rest)) {
      await state.sending;
      throwFault(state);
    }
  }
}

/** Copies a chunk; answers what of it has to wait for the segment that is on its way. */
function take(state: WriterState, chunk: Uint8Array): Uint8Array | undefined {
  let rest = chunk;
  while (rest.length > 0) {
    const room = Math.min(roomOf(state), rest.length);
    if (room === 0) {
      if (state.sending !== null) return rest;
      send(state);
      continue;
    }
    state.blocks.at(-1)?.set(rest.subarray(0, room), state.length % BLOCK_BYTES);
    state.length += room;
    rest = rest.subarray(room);
  }
  // It is sent at once: the next bytes may not come for long.
  if (state.length === state.deps.segmentBytes && state.sending === null) send(state);
  return undefined;
}

/** The bytes that the last block can take; 0 when the segment must be sent first. */
function roomOf(state: WriterState): number {
  const { deps, holder, blocks, length } = state;
  const left = deps.segmentBytes - length;
  if (left === 0) return 0;
  if (length === blocks.length * BLOCK_BYTES) {
    const block = deps.budget.tryTake(holder);
    if (block === undefined) return 0;
    blocks.push(block);
  }
  return Math.min(left, blocks.length * BLOCK_BYTES - length);
}

function send(state: WriterState): void {
  const { deps, start, length, blocks } = state;
  const pieces = blocks.map((block, i) => block.subarray(0, Math.min(BLOCK_BYTES, length - i * BLOCK_BYTES)));
  const crc32 = crc32OfAll(pieces);
  const crc32OfAllNow = start === 0 ? crc32 : crc32OfAll(pieces, state.crc32);
  Object.assign(state, {
    start: start + length,
    length: 0,
    blocks: [],
    crc32: crc32OfAllNow,
    isRelieved: false,
  });
  state.sendingBlocks = blocks.length;
  const sent = async () => {
    const { object, began } = await deps.put(start, pieces);
    await deps.record({ start, length, object, crc32, began, crc32OfAll: crc32OfAllNow });
    state.recorded = { offset: start + length, crc32: crc32OfAllNow };
  };
  state.sending = sent()
    .catch((thrown: unknown) => {
      state.fault ??= { thrown };
    })
    .finally(() => {
      state.sending = null;
      state.sendingBlocks = 0;
      deps.budget.give(blocks);
      if (state.isRelieved) relieve(state);
    });
}

function relieve(state: WriterState): void {
  if (state.length === 0 || state.fault !== null) return;
  if (state.sending === null) send(state);
  else state.isRelieved = true;
}

async function flush(state: WriterState): Promise<void> {
  while (state.sending !== null) await state.sending;
  throwFault(state);
  if (state.length === 0) return;
  send(state);
  await flush(state);
}

async function end(state: WriterState): Promise<void> {
  const { deps, holder, blocks } = state;
  deps.budget.leave(holder);
  state.length = 0;
  state.blocks = [];
  deps.budget.give(blocks);
  while (state.sending !== null) await state.sending;
}

function throwFault({ fault }: WriterState): void {
  if (fault !== null) throw fault.thrown;
}
