/** The bounds of the reassembly. One of these options, or a constant, bounds each of its queues and maps. */

export interface ReassemblyOptions {
  /**
   * Conversations that are open at once, 1 to 16,777,216; default 65,536. Beyond it, the one whose last packet is the
   * oldest is closed as `evicted`; later packets of it open a new one. Each takes about 0.5 KiB of memory, and 1 KiB
   * while something of it waits or is unusual, so the default may take 60 MiB, and some more that the garbage
   * collector has not freed.
   */
  readonly maxConversations?: number;
  /**
   * Bytes of one side held back behind a hole, 0 to 2^30; default 4 MiB. Beyond it the hole is given up: `limit`.
   * Behind a RST that may have ended the conversation, it is 256 KiB at most; beyond it the RST has ended the
   * conversation.
   */
  readonly maxHeldBytes?: number;
  /**
   * Segments of one side held back behind a hole, 0 to 65,536; default 4,096. Beyond it the same happens; behind a RST
   * it is 64 at most.
   */
  readonly maxHeldSegments?: number;
  /**
   * Bytes held back over all conversations together, with 256 for each segment, 0 to 2^40; default 64 MiB. Beyond it
   * the oldest holes are given up first.
   */
  readonly maxHeldTotal?: number;
}

/** After this many packets of a conversation, in both directions, a direction without a SYN waits no longer for it. */
export const GATHERED_PACKETS_MAX = 64;
const GATHERED_BYTES_MAX = 256 * 1024;

/** How many segments and bytes a direction may hold before it starts, and a conversation behind a RST. */
export const gatherLimitsOf = ({ maxHeldSegments, maxHeldBytes }: ReassemblyLimits) => ({
  segments: Math.min(GATHERED_PACKETS_MAX, maxHeldSegments),
  bytes: Math.min(GATHERED_BYTES_MAX, maxHeldBytes),
});

export type ReassemblyLimits = Required<ReassemblyOptions>;

const MiB = 1024 * 1024;

const defaults: ReassemblyLimits = {
  maxConversations: 65_536,
  maxHeldBytes: 4 * MiB,
  maxHeldSegments: 4_096,
  maxHeldTotal: 64 * MiB,
};

const ranges: Readonly<Record<keyof ReassemblyOptions, readonly [least: number, most: number]>> = {
  maxConversations: [1, 2 ** 24],
  maxHeldBytes: [0, 2 ** 30],
  maxHeldSegments: [0, 2 ** 16],
  maxHeldTotal: [0, 2 ** 40],
};

/**
 * Checks options. A wrong option is a mistake in the calling program, so this throws.
 *
 * @throws RangeError that names the option.
 * @internal
 */
export function limitsOf(options: ReassemblyOptions): ReassemblyLimits {
  const limits = { ...defaults };
  for (const name of Object.keys(ranges) as (keyof ReassemblyOptions)[]) {
    const value = options[name];
    if (value === undefined) continue;
    const [min, max] = ranges[name];
    if (!Number.isInteger(value) || value < min || value > max) {
      throw new RangeError(`${name} must be a whole number from ${min} to ${max}, and is ${String(value)}`);
    }
    limits[name] = value;
  }
  return limits;
}
