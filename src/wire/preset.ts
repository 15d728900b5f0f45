/** How a well-known protocol frames its messages, under a name. */
import type { Framing } from './framing.ts';

/**
 * How a well-known protocol frames its messages. A preset finds where each message begins and ends, and reads nothing
 * behind its head. All are names of `presets`. A bundler that follows a namespace, as Rollup, Vite and webpack do,
 * brings only those that the program uses.
 *
 * @typeParam H the header of its frames.
 * @example
 * import { deframe, presets } from 'sluice';
 *
 * chunks$.pipe(deframe(presets.dns.framing({ delivery: 'whole' }))).subscribe({
 *   next: (event) => {
 *     if (event.type === 'frame') console.log(event.header.length, event.body);
 *   },
 *   error: (error) => console.error(error.message),
 * });
 */
export interface Preset<H = unknown> {
  /** The name for `--preset`: lower-case letters, digits and dashes. */
  readonly name: string;
  /** For people: `DNS over TCP`. */
  readonly title: string;
  /** The document that specifies its framing: an RFC and section, or the protocol's own. */
  readonly source: string;
  /** The TCP ports on which its servers usually listen. */
  readonly ports: readonly number[];
  /**
   * Finds the frames in either direction. Bodies are delivered `skip`, so that the longest costs nothing, unless
   * `options` say otherwise.
   */
  framing(options?: PresetOptions): Framing<H>;
  /** Absent: the framing finds every message by that message's bytes alone. */
  readonly looksAhead?: LookAhead;
  /** The kind of a message by its header, in a few words (`handshake`, `Query`), or null. */
  label(header: unknown): string | null;
}

/**
 * Messages whose end shows only in the bytes behind them. On a live connection those may never come, since both sides
 * wait; a recording has them.
 */
export interface LookAhead {
  /** A sentence that says which messages these are, and which options help on a live connection. */
  readonly why: string;
  /** Whether a message of the client asks for such an answer, by the message's header. */
  readonly asks: (header: unknown) => boolean;
  /** Whether a message of the server is such an answer. */
  readonly answers: (header: unknown) => boolean;
}

/** The options of a preset's framing: how it hands on bodies, and which side it reads. All may be left out. */
export interface PresetOptions {
  /** How the deframer hands on bodies; default `skip`. */
  readonly delivery?: 'stream' | 'whole' | 'skip';
  /** The largest body, in bytes; default the largest that the protocol allows. */
  readonly maxLength?: number;
  /**
   * The side that sends the bytes; default not known: the framing finds the frames of either side. With it, the
   * framing does not look for the messages that only the other side sends. See `Preset.looksAhead`.
   */
  readonly side?: 'client' | 'server';
  /**
   * Whether the client has asked for something whose answer is not a frame, and has not been answered: for the presets
   * that have `looksAhead`. The framing calls it whenever a message of the server begins with a byte that may be such
   * an answer, and nothing behind that byte has come. A framing with this option is for one connection. Default none:
   * the framing waits for the byte behind it.
   */
  readonly asked?: () => boolean;
}
