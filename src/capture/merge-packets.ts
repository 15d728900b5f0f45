/**
 * Reads several captures as one: their packets in the order of their times, numbered anew from 1.
 *
 * ```text
 *  a.pcap  1 4 5 ·         rotated files, one after the other
 *  b.pcap        6 8 9     or those of several interfaces at once
 *          1 4 5 6 8 9
 * ```
 *
 * Before the first packet is handed on, the beginning of each capture is read, as its time says when it comes in. A
 * capture is open from its first packet to its last: of rotated files that is one at a time.
 */
import type { Capture } from './capture.ts';
import { CaptureError, type CaptureFault, isCaptureFault } from './capture-fault.ts';
import type { Packet } from './packet.ts';
import { readPackets } from './read-packets.ts';

/** A capture, and whether its blocks can be asked for again. */
export interface MergedCapture {
  readonly capture: Capture;
  readonly isRepeatable: boolean;
}

/** The most captures that are open at once. It bounds the blocks that are held, and the files that are open. */
const OPEN_MAX = 64;

/** Packets of one capture that are ahead. */
interface Source {
  readonly merged: MergedCapture;
  /** The time of its first packet. */
  readonly from: bigint;
  /** Null while it waits for its turn, unless it can be read only once. */
  batches: AsyncIterator<readonly Packet[]> | null;
  packets: readonly Packet[];
  at: number;
}

/**
 * Batches of packets, as `readPackets` makes them. What a batch has of a reused block may be looked at until the next
 * batch is asked for. A capture in which damage is met ends there, though it be before its first packet; the faults are
 * thrown as one, behind the packets of all.
 */
export async function* mergePackets(captures: readonly MergedCapture[]): AsyncGenerator<readonly Packet[]> {
  const open: Source[] = [];
  const waiting: Source[] = [];
  const faults: CaptureFault[] = [];
  let last = 0;
  /** What a capture has that is asked; null at its end. */
  const untilFault = async <T>(ask: () => Promise<T | null>): Promise<T | null> => {
    try {
      return await ask();
    } catch (thrown) {
      if (!isCaptureFault(thrown)) throw thrown;
      faults.push(thrown);
      return null;
    }
  };
  /** Loads the next batch of a source whose packets were all handed on. */
  const load = async (source: Source): Promise<void> => {
    source.at = 0;
    source.packets =
      (await untilFault(async () => {
        source.batches ??= readPackets(source.merged.capture);
        const { value, done } = await source.batches.next();
        return done === true ? null : value;
      })) ?? [];
  };
  try {
    for (const merged of captures) {
      const first = await untilFault(() => beginning(merged));
      if (first !== null) waiting.push(first);
    }
    waiting.sort((one, other) => (one.from < other.from ? -1 : one.from > other.from ? 1 : 0));
    while (open.length > 0 || waiting.length > 0) {
      const until = timeOf(earliest(open));
      while (waiting.length > 0 && (until === null || waiting[0]!.from <= until)) {
        const next = waiting.shift()!;
        if (next.packets.length === 0) await load(next);
        if (next.packets.length > 0) open.push(next);
        if (open.length > OPEN_MAX) throw tooMany(next.merged.capture);
        if (until === null) break;
      }
      const batch: Packet[] = [];
      const emptied = takeUntilEmpty(open, waiting[0]?.from, (packet) =>
        batch.push({ ...packet, number: ++last }),
      );
      if (batch.length > 0) yield batch;
      if (emptied !== null) {
        await load(emptied);
        if (emptied.packets.length === 0) open.splice(open.indexOf(emptied), 1);
      }
    }
    if (faults.length > 0) throw asOne(faults);
  } finally {
    for (const { batches } of [...open, ...waiting]) await batches?.return?.();
  }
}

function asOne(faults: readonly CaptureFault[]): CaptureFault {
  const [first] = faults;
  if (faults.length === 1) return first!;
  const { code, position, after } = first!;
  return new CaptureError({
    code,
    position,
    after,
    message: faults.map(({ message }) => message).join('; '),
  });
}

/** Reads up to the first packet; null when there is none. */
async function beginning(merged: MergedCapture): Promise<Source | null> {
  const batches = readPackets(merged.capture);
  const { value, done } = await batches.next();
  if (done === true) return null;
  const from = value[0]!.time;
  if (!merged.isRepeatable) return { merged, from, batches, packets: value, at: 0 };
  await batches.return();
  return { merged, from, batches: null, packets: [], at: 0 };
}

/** Takes packets in the order of their times until a source has none left, or one that waits comes first. */
function takeUntilEmpty(
  open: readonly Source[],
  waitingFrom: bigint | undefined,
  take: (packet: Packet) => void,
): Source | null {
  for (;;) {
    const source = earliest(open);
    const packet = source?.packets[source.at];
    if (source === null || packet === undefined) return null;
    if (waitingFrom !== undefined && packet.time >= waitingFrom) return null;
    take(packet);
    if (++source.at === source.packets.length) return source;
  }
}

/** The source with the packet that comes next; of equals, the one that was opened first. */
function earliest(open: readonly Source[]): Source | null {
  let first: Source | null = null;
  for (const source of open) {
    if (first === null || timeOf(source)! < timeOf(first)!) first = source;
  }
  return first;
}

const timeOf = (source: Source | null): bigint | null => source?.packets[source.at]?.time ?? null;

const tooMany = ({ name }: Capture): CaptureError =>
  new CaptureError({
    code: 'unreadable',
    message: `${name}: it is from the same time as ${OPEN_MAX} others, which is the most that are read at once`,
    position: 0,
    after: 0,
  });
