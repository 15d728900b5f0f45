/** Compares the messages that were sent with the chunks that arrived. */

/** The part of one message that lies in one chunk. */
export interface Piece {
  /** The number of the message, from 0. */
  readonly message: number;
  readonly bytes: Uint8Array;
  /** Whether the message begins in this chunk, and whether it ends there. */
  readonly begins: boolean;
  readonly ends: boolean;
}

/** A chunk as it arrived, with the messages or parts of messages in it, in order. */
export interface ArrivedChunk {
  readonly bytes: Uint8Array;
  readonly pieces: readonly Piece[];
}

/**
 * Finds the messages in each chunk. The bytes of all chunks must be those of all messages. A message of no bytes leaves
 * no trace in any chunk.
 *
 * ```text
 *  sends    |one|two|three|
 *  chunks   |onet |wothree|
 *  pieces   |one|t|wo|three|
 * ```
 *
 * @example alignChunks([bytes('one'), bytes('two')], [bytes('onetwo')])[0]?.pieces.length // 2
 */
export function alignChunks(sends: readonly Uint8Array[], chunks: readonly Uint8Array[]): ArrivedChunk[] {
  let message = 0;
  /** How many bytes of that message the chunks before held. */
  let before = 0;
  return chunks.map((bytes) => {
    const pieces: Piece[] = [];
    for (let at = 0; at < bytes.length && message < sends.length; ) {
      const left = (sends[message]?.length ?? 0) - before;
      const length = Math.min(left, bytes.length - at);
      const ends = length === left;
      if (length > 0) {
        pieces.push({ message, bytes: bytes.subarray(at, at + length), begins: before === 0, ends });
      }
      at += length;
      before = ends ? 0 : before + length;
      if (ends) message++;
    }
    return { bytes, pieces };
  });
}

/** Counts the messages that came in a chunk with others. */
export function countGlued(chunks: readonly ArrivedChunk[]): number {
  const glued = new Set<number>();
  for (const { pieces } of chunks) {
    if (pieces.length < 2) continue;
    for (const { message } of pieces) glued.add(message);
  }
  return glued.size;
}

/** Counts the messages that came in more than one chunk. */
export function countCut(chunks: readonly ArrivedChunk[]): number {
  const cut = new Set<number>();
  for (const { pieces } of chunks) {
    for (const { message, begins, ends } of pieces) if (!begins || !ends) cut.add(message);
  }
  return cut.size;
}
