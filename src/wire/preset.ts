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
  /** What kind of message a header says it is, in a few words (`handshake`, `Query`), or null when it does not. */
  label(header: unknown): string | null;
}

export interface PresetOptions {
  /** How bodies are handed on; default `skip`. */
  readonly delivery?: 'stream' | 'whole' | 'skip';
  /** The largest body, in bytes; default what the protocol allows. */
  readonly maxLength?: number;
}
