/** Reads a capture to its end, and tells what is new in it from time to time. */
import type { Capture } from '../../../capture/capture.ts';
import { isCaptureFault } from '../../../capture/capture-fault.ts';
import { type InspectOptions, inspect } from '../../../capture/inspect/inspect.ts';
import { createCollector } from '../data/collect.ts';
import { type PageLimits, READ_LIMITS } from '../data/limits.ts';
import type { PageUpdate } from '../data/page-data.ts';

/** Milliseconds between two updates. */
const UPDATE_MS = 200;

export interface ReadDeps {
  /** Gives out an update. */
  readonly update: (update: PageUpdate) => void;
  /** Whether the last update was taken: while it was not, there is no other. */
  readonly isTaken: () => boolean;
  /** Milliseconds of a clock that never goes back. */
  readonly now: () => number;
  readonly limits?: PageLimits;
}

export async function readCapture(
  capture: Capture,
  options: Pick<InspectOptions, 'preset' | 'framing'>,
  { update, isTaken, now, limits = READ_LIMITS }: ReadDeps,
): Promise<void> {
  const collector = createCollector(capture.name, {
    limits,
    framingHint: 'choose one above, and read it again',
  });
  let fault: string | null = null;
  let last = now();
  try {
    for await (const events of inspect(capture, options)) {
      for (const event of events) collector.take(event);
      if (!isTaken() || now() - last < UPDATE_MS) continue;
      update(collector.flush());
      last = now();
    }
  } catch (thrown) {
    if (!isCaptureFault(thrown)) throw thrown;
    fault = thrown.message;
  }
  do update(collector.flush(fault));
  while (collector.hasMore());
}
