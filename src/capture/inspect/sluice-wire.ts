/** Sluice's own wire in a recording: labelled with the names of files, and recognized by a side's first bytes. */
import { sluicePreset } from '../../files/protocol/sluice-preset.ts';
import type { JsonHeader } from '../../wire/json-header.ts';
import type { Preset } from '../../wire/preset.ts';

/** The number of bytes that show whether it is Sluice's wire. */
export const SLUICE_PREFIX_BYTES = 5;

const MAX_HEADER = 65_536;
const BRACE = 0x7b;

/** Whether a side's first five bytes are the length of a header and the beginning of its JSON. */
export function looksLikeSluice(bytes: Uint8Array): boolean {
  if (bytes.length < SLUICE_PREFIX_BYTES || bytes[4] !== BRACE) return false;
  const length = new DataView(bytes.buffer, bytes.byteOffset).getInt32(0, true);
  return length >= 2 && length <= MAX_HEADER;
}

/** The preset `sluice`, whose labels say which file is meant: `put photos/a.jpg`. */
export const sluiceWire: Preset = {
  ...sluicePreset,
  label(header) {
    const label = sluicePreset.label(header);
    if (label === null) return null;
    const { filename, to, upload, cmd, error } = header as JsonHeader;
    const what = filename ?? upload;
    const about = error === undefined ? [what, to === undefined ? undefined : `→ ${String(to)}`] : [cmd];
    return [label, ...about].filter((one) => typeof one === 'string' && one !== '').join(' ');
  },
};
