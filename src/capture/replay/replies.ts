/** How replies are framed, and how they differ. */
import type { Framing } from '../../wire/framing.ts';
import type { ValueDifference } from './difference.ts';

/** How replies are framed where a request decides it, as in `Preset.looksAhead`. */
export interface AskedReplies<H> {
  /** How the client's requests are framed. */
  readonly requests: Framing<unknown>;
  /** Whether a request decides how its answer is framed. */
  readonly asks: (header: unknown) => boolean;
  /** Whether a reply is such an answer. */
  readonly answers: (header: H) => boolean;
  /** How replies are framed; `asked` returns whether such an answer is due. */
  readonly framing: (asked: () => boolean) => Framing<H>;
}

/**
 * How replies are framed and compared. `replayTo` takes it; `presetReplies` and `sluiceReplies` make it.
 *
 * @typeParam H the header of a reply.
 */
export interface Replies<H> {
  /** Finds the replies in what a server sends. */
  readonly framing: Framing<H>;
  /** Whether a field of a reply counts for nothing, by its path without indices: `files.mtime`. Default none does. */
  readonly ignored?: (path: string, header: H) => boolean;
  /** Whether a reply is neither compared nor waited for: one that comes when it comes. Default none is. */
  readonly incidental?: (header: H) => boolean;
  /** Makes the framing of one stream of replies, for a framing that has state: in place of `framing`. */
  readonly createFraming?: () => Framing<H>;
  /** For a protocol in which requests decide how replies are framed: in place of `framing`. */
  readonly asked?: AskedReplies<H>;
}

/** One difference between a recorded reply and the one that came back. */
export interface ReplyDifference {
  /**
   * - `header`, `body`: of a reply that both have.
   * - `missing`, `unexpected`: a reply that only the recording has, or only the live side.
   * - `framing`: one of them is not in frames from here on.
   * - `bytes`: the bytes of replies without a framing differ.
   */
  readonly kind: 'header' | 'body' | 'missing' | 'unexpected' | 'framing' | 'bytes';
  /** Which reply of the conversation, from 1, of those that count; 0 without a framing. */
  readonly reply: number;
  /** The number in the file, from 1, of the packet in which the recorded one begins; null without one. */
  readonly packet: number | null;
  /** When that packet was captured, in nanoseconds since 1970; null without one. */
  readonly at: bigint | null;
  /**
   * The recorded header; for bodies and bytes, 16 of the recorded bytes from where they differ. Undefined where there
   * is none.
   */
  readonly expected: unknown;
  /** The same of what came back. */
  readonly got: unknown;
  /** The differences in the headers. */
  readonly fields: readonly ValueDifference[];
  /** In words, in one line. */
  readonly message: string;
}
