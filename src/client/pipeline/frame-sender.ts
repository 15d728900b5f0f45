/**
 * Sends requests one behind the other, and reads the content of each when its turn comes.
 *
 * A frame that was begun must be completed truthfully: its header has promised so many bytes, and the server stores
 * them whatever they are. So:
 *
 *   event in the middle of a body                 action of the sender
 *   content fails or put is cancelled,            withdraws the frame
 *   no byte of the frame has left
 *   content fails or put is cancelled,            stops: the connection must be dropped, and the server stores nothing
 *   bytes of the frame have left
 *   the server refuses the put, little is left    sends zeros, which the server skips, to keep the framing
 *   the server refuses the put, much is left      stops: dropping the connection is cheaper
 *
 * With small files the waits would cost as much as the reads: nothing is awaited that is there at once.
 */
import { crc32 } from '#checksums';
import type { UploadOffset } from '../../files/protocol/file.ts';
import type { Connection, ConnectionFault } from '../../transport/connection.ts';
import { encodeJsonHeader } from '../../wire/json-header.ts';
import type { ClientFault } from '../client-fault.ts';
import type { Content } from '../content/content.ts';
import { contentFault, shortened } from '../content/read-content.ts';
import type { Outbound } from './client-request.ts';
import { createWriteBuffer, type Mark, type WriteBuffer } from './write-buffer.ts';

/** The most bytes of a refused body that are sent as zeros; beyond that a new connection is cheaper. */
const PADDING_BYTES_MAX = 1024 * 1024;
/** How long bytes may wait for content that is slow, so that they leave in one write with its own. */
const FLUSH_DELAY_MS = 5;

export interface FrameSenderDeps {
  readonly connection: Pick<Connection, 'write'>;
  /** Answers the next request to send; null when there is none for now. */
  readonly next: () => Outbound | null;
  /** The frame of this request cannot be completed: nothing can be sent behind it. */
  readonly onPoisoned: (request: Outbound) => void;
  readonly onWriteFault: (fault: ConnectionFault) => void;
  /** Called before content is opened or read, and after: the peer is not to blame for that time. */
  readonly reading?: (under: boolean) => void;
}

export interface FrameSender {
  /** There may be a request to send. Requests made within one turn of the event loop leave in one write. */
  readonly wake: () => void;
  readonly stop: () => void;
}

interface SenderState {
  readonly deps: FrameSenderDeps;
  readonly buffer: WriteBuffer;
  /** `run` is under way, or is about to begin. */
  awake: boolean;
  /** Since when content is waited for without a write: how many writes there were, and the time. */
  held: { readonly flushes: number; readonly since: number };
}

export function createFrameSender(deps: FrameSenderDeps): FrameSender {
  const buffer = createWriteBuffer(deps.connection, deps.onWriteFault);
  const sender: SenderState = { deps, buffer, awake: false, held: { flushes: -1, since: 0 } };
  return {
    wake: () => {
      if (sender.awake) return;
      sender.awake = true;
      queueMicrotask(() => run(sender));
    },
    stop: buffer.stop,
  };
}

async function run(sender: SenderState): Promise<void> {
  const { deps, buffer } = sender;
  for (let request = deps.next(); request !== null; request = deps.next()) {
    if (!(await send(sender, request))) return;
  }
  buffer.flush();
  sender.awake = false;
}

/** Answers whether another frame can follow. */
async function send(sender: SenderState, request: Outbound): Promise<boolean> {
  const { deps, buffer } = sender;
  if (request.open === undefined) return sendFrame(sender, request, null);
  let content: Content;
  deps.reading?.(true);
  try {
    const opened = request.open();
    // Frames that are ready must not wait for content that is slow to open.
    if (opened instanceof Promise) buffer.flush();
    content = opened instanceof Promise ? await opened : opened;
  } catch (thrown) {
    request.failed(contentFault(thrown));
    return true;
  } finally {
    deps.reading?.(false);
  }
  try {
    return request.status() === 'cancelled' || (await sendFrame(sender, request, content));
  } finally {
    content.close?.();
  }
}

const FROM_THE_START: UploadOffset = { offset: 0, crc32: 0 };

async function sendFrame(sender: SenderState, request: Outbound, content: Content | null): Promise<boolean> {
  const { deps, buffer } = sender;
  const size = content?.size ?? 0;
  const header = encodeJsonHeader(request.header(content));
  if (!header.ok) {
    request.failed({ code: 'unsendable', message: header.fault.message });
    return true;
  }
  const { offset, crc32: before } = request.from ?? FROM_THE_START;
  if (content?.whenReady !== undefined) {
    // Content that fails at its start costs no connection, since nothing was promised.
    const fault = await awaitContent(sender, content, offset);
    if (fault !== null) request.failed(fault);
    if (fault !== null || request.status() === 'cancelled') return true;
  }
  const free = buffer.room();
  const room = free instanceof Promise ? await free : free;
  // A frame that does not fit begins a write of its own, so that the frames before it do not wait for its reads.
  if (room !== null && room.length < header.bytes.length + size - offset) buffer.flush();
  const mark = buffer.mark();
  request.begun();
  const appending = append(buffer, header.bytes);
  if (!(appending instanceof Promise ? await appending : appending)) return false;
  let crc = before;
  for (let at = offset; content !== null && at < size; ) {
    const late = content.whenReady === undefined ? null : await awaitContent(sender, content, at);
    const most = request.allowed === undefined ? size : await allowed(buffer, request.allowed(at));
    const free = buffer.room();
    const room = free instanceof Promise ? await free : free;
    if (room === null) return false;
    const status = request.status();
    if (status === 'refused') return pad(deps, buffer, request, size - at);
    if (status === 'cancelled' || late !== null) return breakOff(deps, buffer, request, mark, late);
    const into = room.subarray(0, Math.min(room.length, size - at, most));
    deps.reading?.(true);
    const reading = readInto(content, at, into);
    const got = reading instanceof Promise ? await reading : reading;
    deps.reading?.(false);
    if (typeof got !== 'number') {
      if (request.status() === 'refused') return pad(deps, buffer, request, size - at);
      return breakOff(deps, buffer, request, mark, got);
    }
    crc = crc32(into.subarray(0, got), crc);
    at += got;
    request.passed?.(at, crc);
    buffer.filled(got);
    buffer.notify(() => request.taken(at, size));
  }
  if (size === offset) buffer.notify(() => request.taken(size, size));
  request.sent({ size, crc32: crc });
  return true;
}

/** Bytes that are ready leave before the peer is waited for: it may be their arrival that it reports. */
function allowed(buffer: WriteBuffer, bytes: number | Promise<number>): number | Promise<number> {
  if (bytes instanceof Promise) buffer.flush();
  return bytes;
}

/**
 * Waits until content can be read from an offset on, and answers its fault. Bytes that are ready to be sent do not wait
 * with it, however often it comes a little at a time: the content may even come of the answer to them.
 */
async function awaitContent(
  sender: SenderState,
  content: Content,
  offset: number,
): Promise<ClientFault | null> {
  const { deps, buffer } = sender;
  // Nothing is asked of the content before there is room for it.
  if ((await buffer.room()) === null) return null;
  deps.reading?.(true);
  let timer: ReturnType<typeof setTimeout> | undefined;
  try {
    const ready = content.whenReady?.(offset);
    if (ready === undefined) return null;
    const delay = flushDelay(sender);
    if (delay > 0) timer = setTimeout(buffer.flush, delay);
    else buffer.flush();
    await ready;
    return null;
  } catch (thrown) {
    return contentFault(thrown);
  } finally {
    clearTimeout(timer);
    deps.reading?.(false);
  }
}

/** The milliseconds that bytes in the buffer may still wait. */
function flushDelay(sender: SenderState): number {
  const { flushes } = sender.buffer.mark();
  const now = performance.now();
  if (sender.held.flushes !== flushes) sender.held = { flushes, since: now };
  return sender.held.since + FLUSH_DELAY_MS - now;
}

/** Answers whether all bytes could be appended; at once where there is room for them. */
function append(buffer: WriteBuffer, bytes: Uint8Array): boolean | Promise<boolean> {
  const room = buffer.room();
  if (room === null) return false;
  if (room instanceof Promise || room.length < bytes.length) return appendInPieces(buffer, room, bytes);
  room.set(bytes);
  buffer.filled(bytes.length);
  return true;
}

async function appendInPieces(
  buffer: WriteBuffer,
  first: Uint8Array | Promise<Uint8Array | null>,
  bytes: Uint8Array,
): Promise<boolean> {
  for (let at = 0; at < bytes.length; ) {
    const room = await (at === 0 ? first : buffer.room());
    if (room === null) return false;
    const slice = bytes.subarray(at, at + room.length);
    room.set(slice);
    buffer.filled(slice.length);
    at += slice.length;
  }
  return true;
}

/** Answers how many bytes were read, or the fault of the content; at once where the content does. */
function readInto(
  content: Content,
  at: number,
  into: Uint8Array,
): number | ClientFault | Promise<number | ClientFault> {
  const checked = (got: number): number | ClientFault =>
    Number.isInteger(got) && got > 0 && got <= into.length ? got : contentFault(shortened(at, content.size));
  try {
    const got = content.read(at, into);
    return typeof got === 'number' ? checked(got) : Promise.resolve(got).then(checked, contentFault);
  } catch (thrown) {
    return contentFault(thrown);
  }
}

/** Completes the body of a refused request with zeros. */
async function pad(
  deps: FrameSenderDeps,
  buffer: WriteBuffer,
  request: Outbound,
  left: number,
): Promise<boolean> {
  if (left > PADDING_BYTES_MAX) {
    deps.onPoisoned(request);
    return false;
  }
  for (let still = left; still > 0; ) {
    const room = await buffer.room();
    if (room === null) return false;
    const zeros = room.subarray(0, still).fill(0);
    buffer.filled(zeros.length);
    still -= zeros.length;
  }
  return true;
}

/**
 * Ends a frame whose content has failed (`fault`) or is no longer wanted (null): withdraws the frame when no byte of it
 * has left, else reports it as poisoned.
 */
function breakOff(
  deps: FrameSenderDeps,
  buffer: WriteBuffer,
  request: Outbound,
  mark: Mark,
  fault: ClientFault | null,
): boolean {
  const isWithdrawn = buffer.rewind(mark);
  if (isWithdrawn) request.withdrawn();
  if (fault !== null) request.failed(fault);
  if (!isWithdrawn) deps.onPoisoned(request);
  return isWithdrawn;
}
