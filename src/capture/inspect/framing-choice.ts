/** Chooses the framing of a recorded conversation. */
import { splitAddress } from '../../transport/address.ts';
import type { Address } from '../../transport/connection.ts';
import { initialDeframeState, step } from '../../wire/deframe/deframe-step.ts';
import type { Framing } from '../../wire/framing.ts';
import type { Preset } from '../../wire/preset.ts';
import { presetList } from '../../wire/presets.ts';
import type { Conversation } from '../stream-event.ts';
import { httpFramings } from './http-framing.ts';
import { httpWire, looksLikeHttp } from './http-wire.ts';
import type { FramingReason } from './inspect-event.ts';
import { headsOf } from './resync/heads-of.ts';
import type { SideFraming } from './side-reader.ts';
import { looksLikeSluice, SLUICE_PREFIX_BYTES, sluiceWire } from './sluice-wire.ts';

export interface FramingChoice {
  readonly name: string | null;
  readonly reason: FramingReason;
  /** The same for both sides, as it has no state; null: there will be no frames. */
  readonly framing: SideFraming | null;
}

/** The framing that the caller asked for, if any. */
export interface FramingOptions {
  readonly preset?: Preset | 'none';
  readonly framing?: Framing<unknown>;
  readonly decodeAs?: ReadonlyMap<number, Preset | 'none'>;
}

/**
 * Chooses a framing. Returns null when it needs more bytes.
 *
 * @param first a side's first bytes, as far as they are there.
 */
export function chooseFraming(
  { decodeAs, preset, framing }: FramingOptions,
  { server }: Conversation,
  first?: Uint8Array,
): FramingChoice | null {
  const asked = decodeAs?.get(splitAddress(server).port);
  if (asked !== undefined) return asked === 'none' ? NO_FRAMES : chosen(asked, 'asked');
  if (framing !== undefined) {
    return { name: 'custom', reason: 'asked', framing: { framing, label: () => null, heads: null } };
  }
  if (preset === 'none') return NO_FRAMES;
  if (preset !== undefined) return chosen(preset, 'asked');
  if (first === undefined || first.length < SLUICE_PREFIX_BYTES) return null;
  const seen = looksLikeSluice(first) ? sluiceWire : looksLikeHttp(first) ? httpWire : null;
  const byPort = presetAt(server);
  if (seen !== null && (byPort === null || isFaulty(byPort, first))) return chosen(seen, 'bytes');
  return chooseByPort(server);
}

const NO_FRAMES: FramingChoice = { name: null, reason: 'asked', framing: null };

/** Chooses a framing where the first bytes will never be there. */
export function chooseByPort(server: Address): FramingChoice {
  const byPort = presetAt(server);
  return byPort === null ? { name: null, reason: 'unknown', framing: null } : chosen(byPort, 'port');
}

/** Whether a side cannot begin so, by a preset: as a server of Sluice's may listen on a port that is usual for TLS. */
function isFaulty(preset: Preset, first: Uint8Array): boolean {
  // No more of them, so that the choice is the same however they were cut.
  const prefix = first.subarray(0, SLUICE_PREFIX_BYTES);
  const { events } = step(preset.framing(), initialDeframeState(), prefix);
  return events.some(({ type }) => type === 'fault');
}

/** The preset whose port an address has; null when no preset has it. */
export function presetAt(address: Address): Preset | null {
  const { port } = splitAddress(address);
  return presetList.find(({ ports }) => ports.includes(port)) ?? null;
}

function chosen(preset: Preset, reason: FramingReason): FramingChoice {
  // The labels of `sluiceWire` say more than those of the preset.
  const { name, label } = preset.name === sluiceWire.name ? sluiceWire : preset;
  const bySide = name === httpWire.name ? { bySide: httpFramings } : {};
  return { name, reason, framing: { framing: preset.framing(), label, heads: headsOf(preset), ...bySide } };
}
