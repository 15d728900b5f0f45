/** Which framing a recorded conversation's frames are found by. */
import type { Framing } from '../wire/framing.ts';
import type { Preset } from '../wire/preset.ts';
import { presets } from '../wire/presets.ts';
import type { FramingReason } from './inspect-event.ts';
import type { SideFraming } from './side-frames.ts';
import { looksLikeSluice, SLUICE_OPENING, sluiceFraming } from './sluice-wire.ts';
import type { Conversation, Side } from './stream-event.ts';

export interface Choice {
  readonly name: string | null;
  readonly reason: FramingReason;
  /** Null: there will be no frames. */
  readonly framing: ((from: Side) => SideFraming) | null;
}

/** What was asked for. */
export interface Asked {
  readonly preset?: Preset | 'sluice' | 'none';
  readonly framing?: Framing<unknown>;
}

/**
 * Chooses, or answers null when more must be seen.
 *
 * @param first a side's first bytes, as far as they are there.
 */
export function chooseFraming(
  { preset, framing }: Asked,
  { server }: Conversation,
  first?: Uint8Array,
): Choice | null {
  if (framing !== undefined) {
    return { name: 'custom', reason: 'asked', framing: () => ({ framing, label: () => null }) };
  }
  if (preset === 'none') return { name: null, reason: 'asked', framing: null };
  if (preset === 'sluice') return { name: 'sluice', reason: 'asked', framing: sluiceFraming };
  if (preset !== undefined) return chosen(preset, 'asked');
  const port = Number(server.slice(server.lastIndexOf(':') + 1));
  const served = presets.find(({ ports }) => ports.includes(port));
  if (served !== undefined) return chosen(served, 'port');
  if (first === undefined || first.length < SLUICE_OPENING) return null;
  if (looksLikeSluice(first)) return { name: 'sluice', reason: 'bytes', framing: sluiceFraming };
  return { name: null, reason: 'unknown', framing: null };
}

/** One framing serves both sides: it keeps nothing. */
function chosen(preset: Preset, reason: FramingReason): Choice {
  const framing = preset.framing();
  return { name: preset.name, reason, framing: () => ({ framing, label: (it) => preset.label(it) }) };
}
