/** The streams of a capture in comparable form. */
import type { Capture } from '../../../src/capture/capture.ts';
import { readStreams, type StreamOptions } from '../../../src/capture/read-streams.ts';
import type { Conversation } from '../../../src/capture/stream-event.ts';

export interface StreamSummary {
  readonly conversation: Conversation;
  /** What each side did, a line each. */
  readonly lines: string[];
}

/** @param times whether the lines say when. */
export async function streamSummaries(
  capture: Capture,
  times: boolean,
  options: StreamOptions = {},
): Promise<StreamSummary[]> {
  const found = new Map<Conversation, StreamSummary>();
  for await (const events of readStreams(capture, { resets: 'in-place', ...options })) {
    for (const event of events) {
      if (event.type === 'skipped') throw new Error(`packet ${event.packet}: ${event.message}`);
      if (!('conversation' in event)) continue;
      const { conversation } = event;
      if (event.type === 'open') found.set(conversation, { conversation, lines: [] });
      const when = times && 'deliverableAt' in event ? ` at ${event.deliverableAt}` : '';
      const add = (line: string) => found.get(conversation)!.lines.push(line + when);
      switch (event.type) {
        case 'chunk':
          add(`${event.from} ${event.position} ${Buffer.from(event.bytes).toString('hex')} ${event.seen}`);
          break;
        case 'gap':
          add(`${event.from} ${event.position} lacks ${event.length}`);
          break;
        case 'end':
        case 'reset':
          add(`${event.from} ${event.position} ${event.type}`);
          break;
        case 'close':
          add(`close ${event.reason}`);
      }
    }
  }
  return [...found.values()];
}
