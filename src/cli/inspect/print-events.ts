/** Prints the events of a capture as they come: as a table, or as JSON. */
import type { InspectEvent } from '../../capture/inspect/inspect-event.ts';
import type { PacketsUnread } from '../../capture/stream-event.ts';
import { captureExitError } from '../replay/read.ts';
import type { Paint } from '../shared/color.ts';
import type { Output } from '../shared/output.ts';
import type { InspectFlags } from './flags.ts';
import { jsonOf } from './json.ts';
import { createTable } from './table.ts';

export type Events = AsyncIterable<readonly InspectEvent[]>;

export interface PrintOptions {
  readonly flags: InspectFlags;
  /** Of the terminal; undefined when stdout is none. */
  readonly columns: number | undefined;
  readonly paint: Paint;
  readonly output: Output;
  /** Is called with the event about unread packets. */
  readonly noticed: (unread: PacketsUnread) => void;
}

/** Prints the events as JSON, and returns the number of conversations, as the other printers do. */
export async function printEvents(events: Events, options: PrintOptions): Promise<number> {
  const { flags, output } = options;
  const { chunkBytes, chunks = chunkBytes !== undefined } = flags;
  return await each(events, options, (event) => {
    if (event.type !== 'chunk' || chunks) output.json(jsonOf(event, chunkBytes));
  });
}

export async function printTable(events: Events, options: PrintOptions): Promise<number> {
  const { columns, flags, output, paint } = options;
  const { frames, chunks = false, absolute = false } = flags;
  const table = createTable(output.line, {
    chunks,
    absolute,
    paint,
    ...(columns === undefined ? {} : { columns }),
    ...(frames === undefined ? {} : { frames }),
  });
  try {
    return await each(events, options, table.take);
  } finally {
    table.end();
    output.flush();
  }
}

/**
 * Takes the events, no faster than the reader of stdout reads, and returns the number of conversations. Throws an
 * `ExitError` for a damaged capture.
 */
export async function each(
  events: Events,
  { output, noticed }: Pick<PrintOptions, 'output' | 'noticed'>,
  take: (event: InspectEvent) => void,
): Promise<number> {
  let conversations = 0;
  try {
    for await (const batch of events) {
      for (const event of batch) {
        if (event.type === 'open') conversations++;
        if (event.type === 'unread') noticed(event);
        take(event);
      }
      output.flush();
      await output.bytes(NOTHING);
      if (output.isClosed()) break;
    }
  } catch (thrown) {
    throw captureExitError(thrown);
  }
  return conversations;
}

/** An empty write behind the lines: stdout takes it once it has taken the lines. */
const NOTHING = new Uint8Array(0);
