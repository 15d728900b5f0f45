/**
 * The CRC-32 of a content's beginnings, noted while it is read, so that going on from some offset does not mean to
 * read everything before it once more.
 *
 * At most 64 are kept, whatever the size: when they are full every other one is dropped, and from then on they
 * are noted half as often.
 */
import type { UploadOffset } from '../../files/protocol/file.ts';

const CHECKPOINTS_MAX = 64;
/** Bytes between two that are noted, at first. */
const SPACING_BYTES_MIN = 1024 * 1024;

export interface Checkpoints {
  readonly note: (offset: number, crc32: number) => void;
  /** The last one that is at or before an offset; that of nothing when there is none. */
  readonly before: (offset: number) => UploadOffset;
  /** Nobody will ask for anything before this. */
  readonly passed: (offset: number) => void;
  /** The content is another one. */
  readonly clear: () => void;
}

export function createCheckpoints(): Checkpoints {
  let checkpoints: UploadOffset[] = [];
  let spacingBytes = SPACING_BYTES_MIN;

  const lastBefore = (offset: number) =>
    checkpoints.findLastIndex((checkpoint) => checkpoint.offset <= offset);

  return {
    note: (offset, crc32) => {
      const last = checkpoints.at(-1)?.offset ?? 0;
      if (offset < last + spacingBytes) return;
      checkpoints.push({ offset, crc32 });
      if (checkpoints.length < CHECKPOINTS_MAX) return;
      checkpoints = checkpoints.filter((_, index) => index % 2 === 1);
      spacingBytes *= 2;
    },
    before: (offset) => checkpoints[lastBefore(offset)] ?? { offset: 0, crc32: 0 },
    passed: (offset) => {
      const last = lastBefore(offset);
      if (last > 0) checkpoints.splice(0, last);
    },
    clear: () => {
      checkpoints = [];
      spacingBytes = SPACING_BYTES_MIN;
    },
  };
}
