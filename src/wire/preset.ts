/** How a well-known protocol frames its messages, under a name. */
import type { Framing } from './framing.ts';

export interface Preset {
  /** As `--preset` takes it: lower-case letters, digits and dashes. */
  readonly name: string;
  /** For people: `DNS over TCP`. */
  readonly title: string;
  /** Where its framing is written down: an RFC and section, or the protocol's own document. */
  readonly source: string;
  /** TCP ports its servers usually listen on. */
  readonly ports: readonly number[];
  /**
   * Finds the frames in either direction. Bodies are delivered `skip`, so that the longest costs nothing, unless
   * `options` say otherwise.
   */
  framing(options?: PresetOptions): Framing<unknown>;
  /** Absent: every message is found with its own last byte. */
  readonly looksAhead?: LookAhead;
  /** What kind of message a header says it is, in a few words (`handshake`, `Query`), or null when it does not. */
  label(header: unknown): string | null;
}

/**
 * What cannot be told from the bytes of a message without seeing the ones behind it. On a live connection those may
 * never come, as both sides wait; a recording has them.
 */
export interface LookAhead {
  /** What it is, in a sentence that says which options tell it. */
  readonly why: string;
  /** Whether a message of the client wants an answer that only it tells, by the message's header. */
  readonly asks: (header: unknown) => boolean;
  /** Whether a message of the server is such an answer. */
  readonly answers: (header: unknown) => boolean;
}

export interface PresetOptions {
  /** How bodies are handed on; default `skip`. */
  readonly delivery?: 'stream' | 'whole' | 'skip';
  /** The largest body, in bytes; default what the protocol allows. */
  readonly maxLength?: number;
  /**
   * Whose bytes they are; default not known: the frames of either side are found. With it, what only the other side
   * says is not looked for. See `Preset.looksAhead`.
   */
  readonly side?: 'client' | 'server';
  /**
   * Whether the client has asked for something whose answer is not a frame, and has not been answered: for the
   * presets that have `looksAhead`. Called whenever a message of the server begins with what might be such an answer and
   * nothing behind it has come. Then the framing is for this one connection.
   */
  readonly asked?: () => boolean;
}
