/** The capture that a command reads: one file, or several as one, and of it a range of time. */
import { statSync } from 'node:fs';
import { captureFile } from '../../capture/capture-file.ts';
import { createInspector, type InspectOptions } from '../../capture/inspect/inspect.ts';
import type { InspectEvent } from '../../capture/inspect/inspect-event.ts';
import { createTimeRange, type TimeBounds } from '../../capture/inspect/time-range.ts';
import { mergePackets } from '../../capture/merge-packets.ts';
import type { Packet } from '../../capture/packet.ts';
import { readPackets } from '../../capture/read-packets.ts';
import { streamsOf } from '../../capture/read-streams.ts';
import type { Segment } from '../../capture/segment.ts';
import type { StreamEvent } from '../../capture/stream-event.ts';
import { nameOf } from '../replay/read.ts';
import { usageError } from '../shared/exit-error.ts';
import { createFragmentCopies } from './fragment-copies.ts';

export interface CaptureSource {
  readonly files: readonly string[];
  /** For messages about the capture as a whole: its file, or the first and how many more. */
  readonly name: string;
  /** Whether it can be read more than once. */
  readonly isRepeatable: boolean;
  /** The events of the range. What a batch has of chunks may be looked at until the next batch is asked for. */
  streams(): AsyncIterable<readonly StreamEvent[]>;
  /** The same with frames. */
  inspect(options: Omit<InspectOptions, 'streams'>): AsyncIterable<readonly InspectEvent[]>;
  /** Reads it, and calls back with each packet of a conversation that is in the range. Yields once a batch of them. */
  packetsOf(take: (packet: Packet, conversation: number) => void): AsyncIterable<void>;
}

/** @throws ExitError when standard input is one of several. */
export function openSource(files: readonly string[], bounds: TimeBounds): CaptureSource {
  if (files.length > 1 && files.includes('-'))
    throw usageError('- (standard input) is read alone, not with other files');
  const captures = files.map((file) => ({
    capture: captureFile(file, { reuse: true }),
    isRepeatable: isRegular(file),
  }));
  const [first] = captures;
  const read = (): AsyncIterable<readonly Packet[]> =>
    captures.length === 1 ? readPackets(first!.capture) : mergePackets(captures);
  async function* ranged<E extends InspectEvent>(
    map: (event: StreamEvent, emit: (event: E) => void) => void,
  ): AsyncGenerator<readonly E[]> {
    const range = createTimeRange(bounds);
    for await (const batch of streamsOf(range.packets(read()), { reused: true })) {
      const events: E[] = [];
      const emit = (event: E) => events.push(event);
      for (const event of batch) map(event, (it) => range.take(it, emit));
      if (events.length > 0) yield events;
    }
  }
  return {
    files,
    name: nameOf(files),
    isRepeatable: captures.every(({ isRepeatable }) => isRepeatable),
    streams: () => ranged<StreamEvent>((event, emit) => emit(event)),
    inspect(options) {
      const inspector = createInspector(options);
      return ranged<InspectEvent>((event, emit) => inspector.take(event, emit));
    },
    async *packetsOf(take) {
      const range = createTimeRange(bounds);
      const fragments = createFragmentCopies();
      const onSegment = (segment: Segment, conversation: number): void => {
        for (const packet of [...fragments.of(segment), segment.packet]) {
          if (range.has(packet)) take(packet, conversation);
        }
      };
      const told = { reused: true, onSegment, onUnread: fragments.take };
      for await (const _ of streamsOf(range.packets(read()), told)) yield;
    },
  };
}

function isRegular(file: string): boolean {
  try {
    return file !== '-' && statSync(file).isFile();
  } catch {
    // Reading the file will report the error.
    return true;
  }
}
