/**
 * Where the frames of Zstandard data (RFC 8878) begin and end, by their headers alone.
 *
 * ```text
 *  frame       magic | descriptor | window, dictionary, size | block … block | checksum?
 *  block       3 bytes: last?, type, length | content        at most 128 KiB when decompressed
 *  skippable   magic | length, 4 bytes | anything            programs put an index in it
 * ```
 *
 * Node's decompressor takes one frame, and then ends without a word, as it does (before Node 24) where data is cut off.
 * Compressors write several frames: `pzstd` does, and `cat` of two files.
 */

const FRAME = 0xfd2fb528;
/** The last four bits are free. */
const SKIPPABLE = 0x184d2a50;

/** The beginning of every frame. */
const MAGIC = Uint8Array.of(0x28, 0xb5, 0x2f, 0xfd);

/** Blocks in a piece: what it becomes has 1 MiB at most. */
const PIECE_BLOCKS_MAX = 8;

/** Some bytes of a frame, in order. */
export interface ZstdPiece {
  readonly bytes: Uint8Array;
  /** Whether its frame ends with it. */
  readonly last: boolean;
}

export interface ZstdFrames {
  /**
   * Cuts the next bytes into pieces of frames. Skippable frames are left out, and so is what follows that is no frame.
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

export function createZstdFrames(): ZstdFrames {
  let field: Field = 'magic';
  /** Bytes of the field that are still to come. */
  let left = 4;
  let value = 0;
  let hasChecksum = false;
  let isLastBlock = false;

  function begin(next: Field, length = FIELD_BYTES[next] ?? 0): void {
    field = next;
    left = length;
    value = 0;
  }

  /** A field is over; answers whether its frame is. */
  function proceed(): boolean {
    switch (field) {
      case 'magic':
        begin(value === FRAME ? 'descriptor' : isSkippable(value) ? 'length' : 'rest');
        return false;
      case 'descriptor':
        hasChecksum = (value & 0x04) !== 0;
        begin('header', headerLength(value));
        return false;
      case 'header':
        begin('block');
        return false;
      case 'block': {
        const [type, length] = [(value >>> 1) & 3, value >>> 3];
        isLastBlock = (value & 1) === 1;
        // Of a byte that is repeated there is one.
        begin('content', type === 1 ? 1 : length);
        return false;
      }
      case 'content':
        if (!isLastBlock) begin('block');
        else if (hasChecksum) begin('checksum', 4);
        else return over();
        return false;
      case 'length':
        begin('skipped', value);
        return false;
      case 'skipped':
        begin('magic');
        return false;
      default:
        return over();
    }
  }

  function over(): boolean {
    begin('magic');
    return true;
  }

  return {
    *take(bytes) {
      /** Where the piece begins that is being gathered. */
      let from = 0;
      let blocks = 0;
      for (let at = 0; ; ) {
        const step = Math.min(left, bytes.length - at);
        if (FIELD_BYTES[field] !== undefined) {
          const have = FIELD_BYTES[field]! - left;
          for (let i = 0; i < step; i++) value += bytes[at + i]! * 256 ** (have + i);
        }
        at += step;
        left -= step;
        if (left > 0 || field === 'rest') {
          const isContent =
            field !== 'magic' && field !== 'length' && field !== 'skipped' && field !== 'rest';
          if (isContent && from < at) yield { bytes: bytes.subarray(from, at), last: false };
          return;
        }
        const ended = field;
        const isOver = proceed();
        if (ended === 'content') blocks++;
        if (isOver || blocks === PIECE_BLOCKS_MAX) {
          yield { bytes: bytes.subarray(from, at), last: isOver };
          from = at;
          blocks = 0;
        } else if (ended === 'magic' && field === 'descriptor') {
          // Its bytes may lie in two blocks, and are known.
          yield { bytes: MAGIC, last: false };
          from = at;
        }
      }
    },
    isWhole: () => field === 'rest' || (field === 'magic' && left === 4),
  };
}

/** Bytes between the descriptor and the first block: window, dictionary and size of the content. */
function headerLength(descriptor: number): number {
  const isSingle = (descriptor & 0x20) !== 0;
  const dictionary = [0, 1, 2, 4][descriptor & 3]!;
  const size = [isSingle ? 1 : 0, 2, 4, 8][descriptor >>> 6]!;
  return (isSingle ? 0 : 1) + dictionary + size;
}
