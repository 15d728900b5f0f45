/** Captures in files: the only place of this folder that opens them. */
import { type FileHandle, open } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { systemWords } from '../files/protocol/system-words.ts';
import { check, checkOptions, either, FILE_URL, FLAG, optional, TEXT } from '../wire/argument.ts';
import type { Capture } from './capture.ts';
import { CaptureError, type CaptureFaultCode } from './capture-fault.ts';
import { decompressGzip } from './format/gunzip.ts';
import { isGzip } from './format/sniff.ts';
import { decompressZstd } from './format/unzstd.ts';
import { isZstd } from './format/zstd-frames.ts';
import { standardInput } from './standard-input.ts';

/**
 * Bytes that are read at a time, into memory of their own, as packets are views of it. Besides the blocks whose
 * packets are kept there are two: the next one is read while the last one is looked at.
 *
 * Measured with packets of 64 KiB: 2.7 GB/s, where 64 KiB makes 1.0 and 512 KiB 3.5. But what larger blocks leave to
 * the garbage collector takes the process over 100 MiB.
 */
const BLOCK_BYTES = 256 * 1024;
/** The same where memory is used again: larger ones are read in fewer steps, and leave nothing to the collector. */
const REUSED_BLOCK_BYTES = 1024 * 1024;

/** How `captureFile` reads the file. */
export interface CaptureFileOptions {
  /**
   * Reads into the same memory again and again: then what is handed out (packets, chunks) may be looked at only until
   * the next batch is asked for, and what is kept must be copied. Less memory, and no work for the garbage collector.
   * Default false: every block has memory of its own.
   */
  readonly reuse?: boolean;
}

/**
 * A capture in a file: pcap or pcapng, compressed with gzip, with Zstandard (where Node can decompress that: 22.15 and
 * newer; elsewhere it is `not-a-capture`) or not, as its first bytes say. In a compressed one, positions are those of
 * the bytes that were compressed.
 *
 * Nothing is opened before its blocks are asked for, and the file is closed when that ends, early or not. A file that
 * cannot be read is a `CaptureError` `unreadable`, thrown by the iteration.
 *
 * @param file its path, or its `file:` URL; `-` is standard input. That, and a pipe, can be read only once.
 * @throws TypeError when an argument is of the wrong kind.
 * @example
 * for await (const events of readStreams(captureFile('traffic.pcap'))) console.log(events.length);
 * @example captureFile(new URL('./traffic.pcap', import.meta.url)) // beside the module
 */
export function captureFile(file: string | URL, options: CaptureFileOptions = {}): Capture {
  check('captureFile: the path', file, either(TEXT, FILE_URL));
  const path = typeof file === 'string' ? file : fileURLToPath(file.href);
  checkOptions('captureFile', options, { reuse: optional(FLAG) });
  const { reuse = false } = options;
  const name = path === '-' ? 'standard input' : path;
  let isSpent = false;

  const errorOf = (code: CaptureFaultCode, position: number, what: string, cause?: unknown): CaptureError =>
    new CaptureError({ code, message: `${name}: ${what}`, position, after: 0 }, { cause });

  async function* storedBytes(): AsyncGenerator<Uint8Array> {
    if (isSpent) throw errorOf('unreadable', 0, 'it can be read only once, and was');
    let position = 0;
    let file: FileHandle | null = null;
    try {
      if (path === '-') {
        isSpent = true;
      } else {
        file = await open(path);
        isSpent = !(await file.stat()).isFile();
      }
      for await (const block of file === null ? standardInput() : blocksOf(file, !isSpent, reuse)) {
        yield block;
        position += block.length;
      }
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      if (!(error instanceof Error) || code === undefined) throw error;
      throw errorOf('unreadable', position, errnoText.get(code) ?? systemWords(error, 'read'), error);
    } finally {
      await file?.close();
    }
  }

  return {
    name,
    reused: reuse,
    async *blocks() {
      const blocks = storedBytes();
      try {
        const first = await firstBytes(blocks);
        if (first.length === 0) return;
        const all = followedBy(first, blocks);
        if (isGzip(first)) yield* decompressGzip(all, errorOf);
        else if (isZstd(first)) yield* decompressZstd(all, errorOf);
        else yield* all;
      } finally {
        await blocks.return(undefined);
      }
    },
  };
}

const errnoText: ReadonlyMap<string, string> = new Map([
  ['ENOENT', 'there is no such file'],
  ['ENOTDIR', 'there is no such file: a part of its path is not a directory'],
  ['EISDIR', 'it is a directory, and a capture is a file'],
  ['EACCES', 'you are not permitted to read it'],
  ['EPERM', 'you are not permitted to read it'],
  ['EIO', 'the device it is on failed'],
  ['EMFILE', 'too many files are open'],
]);

/** @param ahead reads the next block while the last one is used; not for a pipe, whose next byte may never come. */
async function* blocksOf(file: FileHandle, ahead: boolean, reuse: boolean): AsyncGenerator<Uint8Array> {
  // One is looked at while the other is read into.
  const length = reuse ? REUSED_BLOCK_BYTES : BLOCK_BYTES;
  const pair = reuse ? [new Uint8Array(length), new Uint8Array(length)] : null;
  let turn = 0;
  const read = async (): Promise<Uint8Array> => {
    const block = pair === null ? new Uint8Array(length) : pair[turn++ % 2]!;
    const { bytesRead } = await file.read(block, 0, length, null);
    return bytesRead === length ? block : block.subarray(0, bytesRead);
  };
  let next: Promise<Uint8Array> | null = null;
  try {
    for (;;) {
      const block = await (next ?? read());
      if (block.length === 0) return;
      if (ahead) {
        next = read();
        // The read may fail before anything awaits it. A later await still gets the error.
        next.catch(() => {});
      }
      yield block;
    }
  } finally {
    // A file must not be closed while it is read.
    await next?.catch(() => {});
  }
}

/** The first block, or as many as it takes to detect a compression; empty when the file is empty. */
async function firstBytes(blocks: AsyncIterator<Uint8Array>): Promise<Uint8Array> {
  let first: Uint8Array = new Uint8Array(0);
  while (first.length < 4) {
    const { value, done } = await blocks.next();
    if (done) break;
    first = first.length === 0 ? value : Buffer.concat([first, value]);
  }
  return first;
}

async function* followedBy(first: Uint8Array, blocks: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  yield first;
  yield* blocks;
}
