/**
 * Finds where the frames of Zstandard data (RFC 8878) begin and end, by their headers alone.
 *
 * ```text
 *  frame       magic | descriptor | window, dictionary, size | block … block | checksum?
 *  block       3 bytes: last?, type, length | content        at most 128 KiB when decompressed
 *  skippable   magic | length, 4 bytes | anything            programs put an index in it
 * ```
 *
 * Node's decompressor takes one frame, and then ends without an error. Before Node 24 it does the same where data is
 * cut off. But data often has several frames: `pzstd` writes them, and so does `cat` of two files.
 */

const FRAME = 0xfd2fb528;
/** The last four bits are free. */
const SKIPPABLE = 0x184d2a50;

/** The beginning of every frame. */
const MAGIC = Uint8Array.of(0x28, 0xb5, 0x2f, 0xfd);

/** The most blocks in a piece: it becomes 1 MiB at most. */
const PIECE_BLOCKS_MAX = 8;

/** Some bytes of a frame, in order. */
export interface ZstdPiece {
  readonly bytes: Uint8Array;
  /** Whether its frame ends with it. */
  readonly last: boolean;
}

export interface ZstdFrames {
  /**
   * Cuts the next bytes into pieces of frames. Leaves out skippable frames, and all bytes from where no frame begins.
   */
  take(bytes: Uint8Array): Generator<ZstdPiece>;
  /** Whether the data may end here. */
  isWhole(): boolean;
}

type Field =
  | 'magic'
  | 'descriptor'
  | 'header'
  | 'block'
  | 'content'
  | 'checksum'
  | 'length'
  | 'skipped'
  | 'rest';

/** Bytes of the fields that are numbers. */
const FIELD_BYTES: Readonly<Partial<Record<Field, number>>> = {
  magic: 4,
  descriptor: 1,
  block: 3,
  length: 4,
};

/** Whether the first four bytes are those of Zstandard. */
export function isZstd(head: Uint8Array): boolean {
  if (head.length < 4) return false;
  return isMagic(new DataView(head.buffer, head.byteOffset, 4).getUint32(0, true));
}

const isSkippable = (magic: number): boolean => (magic & 0xfffffff0) >>> 0 === SKIPPABLE;
const isMagic = (magic: number): boolean => magic === FRAME || isSkippable(magic);

/** Where the reading of the data stands. */
interface ZstdCursor {
  field: Field;
  /** Bytes of the field that are still to come. */
  left: number;
  /** The number in the field, as far as its bytes have come. */
  value: number;
  /** Whether a checksum ends the frame. */
  hasChecksum: boolean;
  isLastBlock: boolean;
}

export function createZstdFrames(): ZstdFrames {
  const cursor: ZstdCursor = { field: 'magic', left: 4, value: 0, hasChecksum: false, isLastBlock: false };
  return {
    take: (bytes) => take(cursor, bytes),
    isWhole: () => cursor.field === 'rest' || (cursor.field === 'magic' && cursor.left === 4),
  };
}

function* take(cursor: ZstdCursor, bytes: Uint8Array): Generator<ZstdPiece> {
  /** Where the piece begins that is being gathered. */
  let from = 0;
  let blocks = 0;
  for (let at = 0; ; ) {
    at += readField(cursor, bytes, at);
    if (cursor.left > 0 || cursor.field === 'rest') {
      if (isInFrame(cursor.field) && from < at) yield { bytes: bytes.subarray(from, at), last: false };
      return;
    }
    const ended = cursor.field;
    const isOver = proceed(cursor);
    if (ended === 'content') blocks++;
    if (isOver || blocks === PIECE_BLOCKS_MAX) {
      yield { bytes: bytes.subarray(from, at), last: isOver };
      from = at;
      blocks = 0;
    } else if (ended === 'magic' && cursor.field === 'descriptor') {
      // The bytes of the magic may lie in two blocks of input, and are known.
      yield { bytes: MAGIC, last: false };
      from = at;
    }
  }
}

/** Reads as much of the field as is there. Returns how many bytes that is. */
function readField(cursor: ZstdCursor, bytes: Uint8Array, at: number): number {
  const count = Math.min(cursor.left, bytes.length - at);
  const length = FIELD_BYTES[cursor.field];
  if (length !== undefined) {
    const have = length - cursor.left;
    for (let i = 0; i < count; i++) cursor.value += bytes[at + i]! * 256 ** (have + i);
  }
  cursor.left -= count;
  return count;
}

/** Whether the bytes of a field go to the decompressor. Those of a frame's magic do so once all are there. */
const isInFrame = (field: Field): boolean =>
  field !== 'magic' && field !== 'length' && field !== 'skipped' && field !== 'rest';

/** Begins the field that follows the one that is over. Returns whether a frame ends between them. */
function proceed(cursor: ZstdCursor): boolean {
  const { field, value } = cursor;
  switch (field) {
    case 'magic':
      begin(cursor, value === FRAME ? 'descriptor' : isSkippable(value) ? 'length' : 'rest');
      return false;
    case 'descriptor':
      cursor.hasChecksum = (value & 0x04) !== 0;
      begin(cursor, 'header', headerLength(value));
      return false;
    case 'header':
      begin(cursor, 'block');
      return false;
    case 'block': {
      const [type, length] = [(value >>> 1) & 3, value >>> 3];
      cursor.isLastBlock = (value & 1) === 1;
      // The content of a block of one repeated byte is that byte.
      begin(cursor, 'content', type === 1 ? 1 : length);
      return false;
    }
    case 'content':
      if (!cursor.isLastBlock) begin(cursor, 'block');
      else if (cursor.hasChecksum) begin(cursor, 'checksum', 4);
      else return endFrame(cursor);
      return false;
    case 'length':
      begin(cursor, 'skipped', value);
      return false;
    case 'skipped':
      begin(cursor, 'magic');
      return false;
    default:
      return endFrame(cursor);
  }
}

function endFrame(cursor: ZstdCursor): boolean {
  begin(cursor, 'magic');
  return true;
}

function begin(cursor: ZstdCursor, field: Field, length = FIELD_BYTES[field] ?? 0): void {
  cursor.field = field;
  cursor.left = length;
  cursor.value = 0;
}

/** Bytes between the descriptor and the first block: window, dictionary and size of the content. */
function headerLength(descriptor: number): number {
  const isSingle = (descriptor & 0x20) !== 0;
  const dictionary = [0, 1, 2, 4][descriptor & 3]!;
  const size = [isSingle ? 1 : 0, 2, 4, 8][descriptor >>> 6]!;
  return (isSingle ? 0 : 1) + dictionary + size;
}
