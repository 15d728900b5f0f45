/** The options of a comparison, checked. */
import type { StreamOptions } from '../capture/read-streams.ts';
import {
  check,
  checkOptions,
  FLAG,
  LIST,
  MILLISECONDS,
  optional,
  RECORD,
  type RulesFor,
  TEXT,
  wholeFrom,
} from '../wire/argument.ts';
import { REPLY_FRAMING, type ReplyFraming } from './reply-framing.ts';

/**
 * The options of `toReplayTheSame` and `assertReplaysTheSame`.
 *
 * @example
 * const options = { conversation: 3, ignore: ['time'], seed: 7, runs: 1 };
 * await assertReplaysTheSame(captureFile('session.pcapng'), fileServer(), options);
 */
export interface ReplayTheSameOptions {
  /**
   * The number of the conversation that counts, from 0; default all. Those before it are replayed too, since the
   * service may answer it by what they have left there.
   */
  readonly conversation?: number;
  /**
   * Names of fields that count for nothing, at any depth: of replies, or of what a pipeline emits. Default none; for
   * the file server those of `VerifyOptions.ignore`, whose form they then have.
   */
  readonly ignore?: readonly string[];
  /** How replies are framed; default as the file server or the actor does, else their bytes alone are compared. */
  readonly framing?: ReplyFraming;
  /**
   * A whole number of 32 bits that random cuts begin with; default another one each time. A failure says which it was.
   */
  readonly seed?: number;
  /** In how many random cuts the recording is replayed, besides the recorded one: 0 to 1,000, default 3. */
  readonly runs?: number;
  /** Milliseconds to wait for a reply that was recorded, 0 to 2^31 - 1; default 2,000. */
  readonly stall?: number;
  /**
   * Whether a recording that lacks packets, or ends in the middle of a message, may be compared as far as it goes;
   * default false.
   */
  readonly allowIncomplete?: boolean;
  /** How the packets are put together; default as `readStreams` does. */
  readonly streams?: StreamOptions;
}

const RULES: RulesFor<ReplayTheSameOptions> = {
  conversation: optional(wholeFrom(0)),
  ignore: optional(LIST),
  framing: optional(REPLY_FRAMING),
  seed: optional(wholeFrom(-(2 ** 31), 2 ** 32 - 1)),
  runs: optional(wholeFrom(0, 1000)),
  stall: optional(MILLISECONDS),
  allowIncomplete: optional(FLAG),
  streams: optional(RECORD),
};

/** @throws TypeError or RangeError that names the option, also one that there is not. */
export function checkReplayOptions(by: string, options: ReplayTheSameOptions): void {
  checkOptions(by, options, RULES);
  for (const field of options.ignore ?? []) check(`${by}: a field to ignore`, field, TEXT);
}
