import type { InspectEvent } from '../capture/inspect-event.ts';
import type { Output } from './output.ts';

export async function writePage(
  _events: AsyncIterable<readonly InspectEvent[]>,
  _to: { file: string; to: string; output: Output },
): Promise<void> {}
