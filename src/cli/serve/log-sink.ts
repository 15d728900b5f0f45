/**
 * Writes log lines to a file descriptor without waiting for it.
 *
 * Lines are gathered and written in pieces. The sink holds a bounded number of bytes. Lines beyond that are lost, and
 * so are lines that the system does not take (a full disk, a reader that has gone). Lost lines are counted, and never
 * stop the server. A line that an error has cut short is ended before the next one begins.
 */
import { close as closeFile, write as writeFile, writeSync } from 'node:fs';

/** With so many bytes gathered, the sink writes them without waiting for `flush`. */
const GATHERED_MAX_BYTES = 16 * 1024;
/** Characters of a piece, above which another one is begun. */
const PIECE_MAX_CHARACTERS = 64 * 1024;
/** Milliseconds after which a descriptor that is busy (EAGAIN) is tried again. */
const BUSY_MS = 100;
/** Milliseconds that an ending process waits for a descriptor that takes nothing. */
const CLOSE_MAX_MS = 2000;

export interface LogSinkOptions {
  readonly fd: number;
  /** Bytes that may be held. */
  readonly heldMaxBytes: number;
  /** How bytes are written to the descriptor, as far as it takes them; default as the system does. For tests. */
  readonly write?: AsyncWrite;
}

export type AsyncWrite = (
  fd: number,
  bytes: Uint8Array,
  done: (error: NodeJS.ErrnoException | null, count: number) => void,
) => void;

export interface LogSink {
  /** Takes a line, or some of them, each with its end. */
  readonly write: (line: string) => void;
  /** Begins to write the gathered lines. */
  readonly flush: () => void;
  /** Lines lost since the last call: `held` found the sink full, `refused` were not taken by the system. */
  readonly lost: () => { readonly held: number; readonly refused: number };
  /**
   * Writes the remaining lines, and closes the descriptor unless it is a standard one. Always resolves, in bounded
   * time.
   */
  readonly close: () => Promise<void>;
  /** Writes the remaining lines before it returns. */
  readonly closeSync: () => void;
}

interface SinkState {
  readonly fd: number;
  readonly heldMaxBytes: number;
  readonly writeSome: AsyncWrite;
  /** Gathered lines, in pieces. `heldMaxBytes` bounds them, together with what is being written. */
  readonly pieces: string[];
  /** Bytes in `pieces` and in what is being written. */
  held: number;
  /** Whether a write is under way. */
  writing: boolean;
  /** Every line is to be written, even if they are less than a full piece. */
  wanted: boolean;
  /** The last line was written in part. */
  cut: boolean;
  lost: { held: number; refused: number };
  /** Called when every line is written. */
  onIdle: () => void;
  /** `close` no longer waits for the remaining lines. */
  closing: boolean;
}

/** @example const sink = createLogSink({ fd: 2, heldMaxBytes: 1024 * 1024 }); sink.write('hello\n'); */
export function createLogSink({ fd, heldMaxBytes, write: writeSome = writeFile }: LogSinkOptions): LogSink {
  const sink: SinkState = {
    fd,
    heldMaxBytes,
    writeSome,
    pieces: [],
    held: 0,
    writing: false,
    wanted: false,
    cut: false,
    lost: { held: 0, refused: 0 },
    onIdle: () => {},
    closing: false,
  };
  return {
    write: (line) => write(sink, line),
    flush: () => flush(sink),
    lost: () => {
      const before = sink.lost;
      sink.lost = { held: 0, refused: 0 };
      return before;
    },
    close: () => close(sink),
    closeSync: () => writeAllSync(sink),
  };
}

function write(sink: SinkState, line: string): void {
  const { pieces } = sink;
  const length = Buffer.byteLength(line);
  if (sink.held + length > sink.heldMaxBytes) {
    sink.lost.held += linesIn(line);
    return;
  }
  sink.held += length;
  const last = pieces.length - 1;
  if (last >= 0 && pieces[last]!.length < PIECE_MAX_CHARACTERS) pieces[last] += line;
  else pieces.push(line);
  if (sink.held >= GATHERED_MAX_BYTES) pump(sink);
}

function flush(sink: SinkState): void {
  sink.wanted = true;
  pump(sink);
}

/** Begins to write the next piece, unless a write is under way. */
function pump(sink: SinkState): void {
  if (sink.writing) return;
  if (sink.pieces.length === 0) {
    sink.wanted = false;
    return sink.onIdle();
  }
  sink.writing = true;
  writeRest(sink, takePiece(sink));
}

/** Takes the next piece. A newline before it ends a line that was cut short. */
function takePiece(sink: SinkState): Buffer {
  const { pieces } = sink;
  const bytes = Buffer.from(sink.cut ? `\n${pieces.shift()}` : pieces.shift()!);
  if (sink.cut) sink.held++;
  sink.cut = false;
  return bytes;
}

function writeRest(sink: SinkState, bytes: Buffer): void {
  sink.writeSome(sink.fd, bytes, (error, count) => {
    if (error !== null && isBusy(error) && !sink.closing) {
      return void setTimeout(writeRest, BUSY_MS, sink, bytes);
    }
    if (error !== null) onRefused(sink, bytes);
    else {
      onWritten(sink, bytes, count);
      if (count < bytes.length) return writeRest(sink, bytes.subarray(count));
    }
    sink.writing = false;
    if (sink.wanted || sink.held >= GATHERED_MAX_BYTES) pump(sink);
  });
}

/** The system has taken the first bytes of these. */
function onWritten(sink: SinkState, bytes: Buffer, count: number): void {
  sink.held -= count;
  if (count > 0) sink.cut = bytes[count - 1] !== NEWLINE;
}

/** The system does not take these bytes: their lines are lost. */
function onRefused(sink: SinkState, bytes: Buffer): void {
  sink.held -= bytes.length;
  // The end of a line that is there: it is written before the next one.
  const ends = bytes[0] === NEWLINE;
  sink.cut ||= ends;
  for (const byte of bytes.subarray(ends ? 1 : 0)) if (byte === NEWLINE) sink.lost.refused++;
}

async function close(sink: SinkState): Promise<void> {
  await new Promise<void>((resolve) => {
    const late = setTimeout(resolve, CLOSE_MAX_MS);
    sink.onIdle = () => {
      clearTimeout(late);
      resolve();
    };
    flush(sink);
  });
  sink.closing = true;
  if (sink.fd > 2 && !sink.writing) await new Promise((resolve) => closeFile(sink.fd, resolve));
}

function writeAllSync(sink: SinkState): void {
  const until = Date.now() + CLOSE_MAX_MS;
  while (sink.pieces.length > 0) {
    for (let bytes = takePiece(sink); bytes.length > 0; ) {
      try {
        const count = writeSync(sink.fd, bytes);
        onWritten(sink, bytes, count);
        bytes = bytes.subarray(count);
      } catch (error) {
        if (!isBusy(error as NodeJS.ErrnoException) || Date.now() > until) return;
        Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, BUSY_MS);
      }
    }
  }
}

const NEWLINE = 0x0a;

/** How many lines a text has, each with its end. */
export const linesIn = (text: string): number => text.split('\n').length - 1;

const isBusy = ({ code }: NodeJS.ErrnoException): boolean => code === 'EAGAIN' || code === 'EBUSY';
