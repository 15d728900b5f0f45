/** How replies are told apart, and how they differ. */
import type { Framing } from '../../wire/framing.ts';
import type { ValueDifference } from './difference.ts';

/** See `Preset.looksAhead`. */
export interface AskedReplies<H> {
  /** How the client's requests are told apart. */
  readonly requests: Framing<unknown>;
  /** Whether a request wants an answer that only it tells. */
  readonly asks: (header: unknown) => boolean;
  /** Whether a reply is such an answer. */
  readonly answers: (header: H) => boolean;
  /** How replies are told apart, when it is known whether one of those answers is due. */
  readonly framing: (asked: () => boolean) => Framing<H>;
}

/** How replies are told apart and compared. */
export interface Replies<H> {
  readonly framing: Framing<H>;
  /** Whether a field of a reply counts for nothing, by its path without indices: `files.mtime`. Default none does. */
  readonly ignored?: (path: string, header: H) => boolean;
  /** Whether a reply is neither compared nor waited for: one that comes when it comes. Default none is. */
  readonly incidental?: (header: H) => boolean;
  /** For a protocol in which some replies are only told by what was asked: in place of `framing`. */
  readonly asked?: AskedReplies<H>;
}

export interface ReplyDifference {
  /**
   * - `header`, `body`: of a reply that both have.
   * - `missing`, `unexpected`: a reply that only the recording has, or only the live side.
   * - `framing`: one of them is not in frames from here on.
   * - `bytes`: replies that are not told apart differ.
   */
  readonly kind: 'header' | 'body' | 'missing' | 'unexpected' | 'framing' | 'bytes';
  /** Which reply of the conversation, from 1, of those that count; 0 when they are not told apart. */
  readonly reply: number;
  /** The packet in which the recorded one begins, and when that was captured (nanoseconds since 1970); null without one. */
  readonly packet: number | null;
  readonly at: bigint | null;
  /** The headers; for bodies and bytes, 16 bytes from where they differ. Undefined where there is none. */
  readonly expected: unknown;
  readonly got: unknown;
  /** What differs in the headers. */
  readonly fields: readonly ValueDifference[];
  /** In words, in one line. */
  readonly message: string;
}
