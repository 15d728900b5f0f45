/** The text of the second lesson, for a terminal: no colours, and at most 100 columns for short messages. */
import type { ArrivedChunk, Piece } from './sticky-align.ts';
import type { StickyEvent, StickyRound } from './sticky-packets.ts';

const TITLES: Readonly<Record<StickyRound, string>> = {
  together: '1. Sent one right after the other',
  apart: '2. Sent with a pause between them',
  framed: '3. Sent one right after the other, each with its length in front',
};

/**
 * One round as a few lines of text: the chunks that arrived, and where the messages lie in them.
 *
 * @example
 * // 1. Sent one right after the other
 * //
 * //    10 sends, 1 chunk
 * //
 * //      39 bytes  onetwothreefourfivesixseveneightnineten
 * //                └─┘└─┘└───┘└──┘└──┘└─┘└───┘└───┘└──┘└─┘
 * //
 * //    10 messages came glued to others. Nothing in the bytes says where one ends.
 * console.log(formatSticky(event));
 */
export function formatSticky(event: StickyEvent): string {
  const width = Math.max(...event.chunks.map(({ bytes }) => size(bytes).length));
  const lines = [
    TITLES[event.round],
    '',
    `   ${count(event.sent.length, 'send')}, ${count(event.chunks.length, 'chunk')}`,
    '',
    ...event.chunks.flatMap((chunk) => chunkLines(chunk, width)),
    '',
    ...verdict(event).map((line) => `   ${line}`),
    '',
  ];
  return lines.join('\n');
}

/** A line with the text of a chunk, and a line with brackets under the messages. */
function chunkLines({ bytes, pieces }: ArrivedChunk, width: number): string[] {
  const text = pieces.map((piece) => readable(piece.bytes)).join('');
  const marks = pieces.map(mark).join('');
  return [`     ${size(bytes).padStart(width)}  ${text}`, `     ${' '.repeat(width)}  ${marks}`];
}

/** A bracket as wide as the piece, open on the side on which the message goes on in another chunk. */
function mark(piece: Piece): string {
  const { length } = readable(piece.bytes);
  if (length === 1) return piece.begins && piece.ends ? '╵' : piece.begins ? '└' : piece.ends ? '┘' : '─';
  return `${piece.begins ? '└' : '─'}${'─'.repeat(length - 2)}${piece.ends ? '┘' : '─'}`;
}

/** Bytes as text of one column each. A byte that does not print, such as one of a length, is a dot. */
function readable(bytes: Uint8Array): string {
  let text = '';
  for (const byte of bytes) text += byte > 0x20 && byte < 0x7f ? String.fromCharCode(byte) : '·';
  return text;
}

function verdict({ round, glued, cut, sent, received }: StickyEvent): string[] {
  const found = [
    ...(glued > 0 ? [`${count(glued, 'message')} came glued to others.`] : []),
    ...(cut > 0 ? [`${count(cut, 'message')} came cut in pieces.`] : []),
    ...(glued + cut === 0 ? ['Each send came as one chunk.'] : []),
  ].join(' ');
  switch (round) {
    case 'together':
      return [found, 'TCP carries bytes, not messages: nothing in them says where one ends.'];
    case 'apart':
      return [found, 'That is luck and costs time: a busier machine or a longer road glues and cuts again.'];
    case 'framed': {
      const whole = received?.length === sent.length && received.every((message, at) => message === sent[at]);
      return [
        `${found} But each says its length (the four dots), so they come apart again:`,
        `${received?.join(' · ')}`,
        whole
          ? `All ${sent.length} came back as they were sent.`
          : 'They are not what was sent. That is a bug.',
      ];
    }
  }
}

function count(number: number, noun: string): string {
  return `${number} ${noun}${number === 1 ? '' : 's'}`;
}

function size(bytes: Uint8Array): string {
  return count(bytes.length, 'byte');
}
