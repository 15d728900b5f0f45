/**
 * Notes the CRC-32 of a content up to some offsets while the content is read, so that a resumed upload need not read
 * everything before its offset again.
 *
 * At most 64 are kept, whatever the size. When there are 64, every other one is dropped, and the distance between two
 * doubles.
 */
import type { UploadOffset } from '../../files/protocol/file.ts';

const CHECKPOINTS_MAX = 64;
/** Bytes between two checkpoints, at first. */
const SPACING_BYTES_MIN = 1024 * 1024;

export interface Checkpoints {
  readonly note: (offset: number, crc32: number) => void;
  /** Answers the last checkpoint at or before an offset; offset 0 when there is none. */
  readonly before: (offset: number) => UploadOffset;
  /** No checkpoint before this offset will be needed. */
  readonly passed: (offset: number) => void;
  /** The content has changed. */
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
