/** Recordings as the models of the page have them, made of captures. */
import { captureOf } from '../../../src/capture/capture.ts';
import { inspect } from '../../../src/capture/inspect/inspect.ts';
import { createCollector } from '../../../src/web/inspect/data/collect.ts';
import { FILE_LIMITS, type PageLimits } from '../../../src/web/inspect/data/limits.ts';
import { createRecordingStore, type Recording } from '../../../src/web/inspect/model/recording.ts';
import { inspectOptionsOf } from '../../../src/web/inspect/read/framing.ts';
import { FIELDS } from './inspect-capture.ts';

export async function recordingOf(bytes: Uint8Array, limits: Partial<PageLimits> = {}): Promise<Recording> {
  const collector = createCollector('a.pcap', { limits: { ...FILE_LIMITS, ...limits } });
  const options = inspectOptionsOf({ by: 'length-field', fields: FIELDS });
  for await (const events of inspect(captureOf(bytes), options))
    for (const event of events) collector.take(event);
  return createRecordingStore('a.pcap').add(collector.flush());
}
