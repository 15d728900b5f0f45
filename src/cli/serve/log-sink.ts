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
  /** Takes a line, with its end. */
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

/** @example const sink = logSink({ fd: 2, heldMaxBytes: 1024 * 1024 }); sink.write('hello\n'); */
export function logSink({ fd, heldMaxBytes, write: writeSome = writeFile }: LogSinkOptions): LogSink {
  const pieces: string[] = [];
  /** Bytes in `pieces` and in what is being written. */
  let held = 0;
  let writing = false;
  /** Every line is to be written, even if they are less than a full piece. */
  let wanted = false;
  /** The last line was written in part. */
  let cut = false;
  let lost = { held: 0, refused: 0 };
  let idle = () => {};
  /** `close` no longer waits for the remaining lines. */
  let closing = false;

  function write(line: string): void {
    const length = Buffer.byteLength(line);
    if (held + length > heldMaxBytes) {
      lost.held++;
      return;
    }
    held += length;
    const last = pieces.length - 1;
    if (last >= 0 && pieces[last]!.length < PIECE_MAX_CHARACTERS) pieces[last] += line;
    else pieces.push(line);
    if (held >= GATHERED_MAX_BYTES) pump();
  }

  function pump(): void {
    if (writing) return;
    if (pieces.length === 0) {
      wanted = false;
      return idle();
    }
    writing = true;
    writeRest(next());
  }

  /** Takes the next piece. A newline before it ends a line that was cut short. */
  function next(): Buffer {
    const bytes = Buffer.from(cut ? `\n${pieces.shift()}` : pieces.shift()!);
    if (cut) held++;
    cut = false;
    return bytes;
  }

  function writeRest(bytes: Buffer): void {
    writeSome(fd, bytes, (error, count) => {
      if (error !== null && isBusy(error) && !closing) return void setTimeout(writeRest, BUSY_MS, bytes);
      if (error !== null) refused(bytes);
      else {
        tookOf(bytes, count);
        if (count < bytes.length) return writeRest(bytes.subarray(count));
      }
      writing = false;
      if (wanted || held >= GATHERED_MAX_BYTES) pump();
    });
  }

  function tookOf(bytes: Buffer, count: number): void {
    held -= count;
    if (count > 0) cut = bytes[count - 1] !== NEWLINE;
  }

  function refused(bytes: Buffer): void {
    held -= bytes.length;
    // The end of a line that is there: it is written before the next one.
    const ends = bytes[0] === NEWLINE;
    cut ||= ends;
    for (const byte of bytes.subarray(ends ? 1 : 0)) if (byte === NEWLINE) lost.refused++;
  }

  function flush(): void {
    wanted = true;
    pump();
  }

  function closeSync(): void {
    const until = Date.now() + CLOSE_MAX_MS;
    while (pieces.length > 0) {
      for (let bytes = next(); bytes.length > 0; ) {
        try {
          const count = writeSync(fd, bytes);
          tookOf(bytes, count);
          bytes = bytes.subarray(count);
        } catch (error) {
          if (!isBusy(error as NodeJS.ErrnoException) || Date.now() > until) return;
          Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, BUSY_MS);
        }
      }
    }
  }

  async function close(): Promise<void> {
    await new Promise<void>((resolve) => {
      const late = setTimeout(resolve, CLOSE_MAX_MS);
      idle = () => {
        clearTimeout(late);
        resolve();
      };
      flush();
    });
    closing = true;
    if (fd > 2 && !writing) await new Promise((resolve) => closeFile(fd, resolve));
  }

  return {
    write,
    flush,
    lost: () => {
      const before = lost;
      lost = { held: 0, refused: 0 };
      return before;
    },
    close,
    closeSync,
  };
}

const NEWLINE = 0x0a;

const isBusy = ({ code }: NodeJS.ErrnoException): boolean => code === 'EAGAIN' || code === 'EBUSY';
