/** An event as CloudEvents 1.0 has it, in JSON: what sinks outside of the process get. */
import type { ChangeEvent } from '../../store/changes/change-log.ts';

export const CLOUD_EVENT_TYPE = 'application/cloudevents+json; charset=utf-8';

/**
 * The event as text.
 *
 * @example
 * cloudEvent(event);
 * // {"specversion":"1.0","id":"5f0c…-17","source":"urn:sluice:5f0c…","type":"sluice.file.renamed","subject":"b.txt",
 * //  "time":"2026-01-31T12:00:00.000Z","datacontenttype":"application/json",
 * //  "data":{"name":"b.txt","from":"a.txt","size":5,"crc32":907060870,"sequence":12}}
 */
export function cloudEvent(event: ChangeEvent): string {
  const { id, sequence, type, name, from, size, crc32, time } = event;
  return JSON.stringify({
    specversion: '1.0',
    id,
    // The name of the log, by which its events are told from those of another server.
    source: `urn:sluice:${id.slice(0, id.lastIndexOf('-'))}`,
    type: `sluice.file.${type}`,
    subject: name,
    time: new Date(time).toISOString(),
    datacontenttype: 'application/json',
    data: { name, from, size, crc32, sequence },
  });
}
