/**
 * Labels that say more than a frame's head: what is in the first bytes of its body, and in frames before it.
 *
 * A preset's own label is that of a head alone. Here a conversation is known, so that an answer has the name of what it
 * answers. A label that is null leaves that of the preset.
 */
import { FRAME_SAMPLE_BYTES } from '../inspect-event.ts';
import { kafkaLabels } from './kafka.ts';
import type { FrameBeginning, Labels } from './label.ts';
import { mysqlLabels } from './mysql.ts';
import { smbLabels } from './smb.ts';
import { tlsLabels } from './tls.ts';

const ALL: ReadonlyMap<string, () => Labels> = new Map([
  ['kafka', kafkaLabels],
  ['mysql', mysqlLabels],
  // A connection of PostgreSQL may go on with TLS, and none of its own messages begins as a record does.
  ['postgresql', () => named('TLS ', tlsLabels())],
  ['smb', smbLabels],
  ['tls', tlsLabels],
]);

function named(prefix: string, labels: Labels): Labels {
  const of = (frame: FrameBeginning): string | null => {
    const label = labels.of(frame);
    return label === null ? null : `${prefix}${label}`;
  };
  return { ...labels, of };
}

/** The labels of a conversation that is framed as a preset says; null when it has none but those of the preset. */
export const labelsOf = (preset: string): Labels | null => ALL.get(preset)?.() ?? null;

/** How many bytes of a frame are kept for its label and its sample. */
export const bytesWanted = (labels: Labels | null, firstByte: number): number =>
  Math.max(FRAME_SAMPLE_BYTES, labels?.wanted?.(firstByte) ?? 0);
