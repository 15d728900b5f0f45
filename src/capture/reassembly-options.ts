/** What a reassembly may hold, and for how long it waits for what is missing. */
import { mustBe } from './must-be.ts';

export interface ReassemblyOptions {
  /** Bytes of one side that wait behind a hole, 0 to 2^30; default 4 MiB. Beyond it the hole is given up. */
  readonly maxHeld?: number;
  /** The same in packets, 1 to 2^20; default 4,096. */
  readonly maxHeldPackets?: number;
  /** Bytes of all sides together that wait behind holes, 0 to 2^40; default 64 MiB. The oldest hole is given up first. */
  readonly maxHeldInAll?: number;
  /**
   * How much later than its acknowledgement what is missing may still come, in milliseconds of recorded time, 0 to
   * 2^31; default 2,000. A packet that was acknowledged is not sent again, but it may be recorded late.
   */
  readonly lateness?: number;
  /**
   * How much of a side whose beginning was not recorded is looked at before it is known where it begins, in packets,
   * 1 to 2^20; default 64. Also at most 256 KiB, and `lateness`.
   */
  readonly startPackets?: number;
  /** Conversations that are remembered, 1 to 2^20; default 32,768. Beyond it the one silent for the longest is forgotten. */
  readonly maxConversations?: number;
}

export type ReassemblyLimits = Required<ReassemblyOptions>;

const KIB = 1024;
const MIB = KIB * KIB;

/** Bytes of a side whose beginning was not recorded that are looked at before it is known where it begins. */
export const START_BYTES = 256 * KIB;

/** @throws RangeError when an option is out of its bounds. */
export function limitsOf(options: ReassemblyOptions): ReassemblyLimits {
  const { maxHeld = 4 * MIB, maxHeldPackets = 4096, maxHeldInAll = 64 * MIB } = options;
  const { lateness = 2000, startPackets = 64, maxConversations = 32_768 } = options;
  mustBe('maxHeld', maxHeld, 0, 2 ** 30);
  mustBe('maxHeldPackets', maxHeldPackets, 1, 2 ** 20);
  mustBe('maxHeldInAll', maxHeldInAll, 0, 2 ** 40);
  mustBe('lateness', lateness, 0, 2 ** 31);
  mustBe('startPackets', startPackets, 1, 2 ** 20);
  mustBe('maxConversations', maxConversations, 1, 2 ** 20);
  return { maxHeld, maxHeldPackets, maxHeldInAll, lateness, startPackets, maxConversations };
}
