/** The presets whose frames can be found from any place on. */
import type { Preset } from '../../../wire/preset.ts';
import { bgp, mqtt, postgresql, smb, tls } from '../../../wire/presets/all.ts';
import { plausibleBgp } from './bgp-heads.ts';
import { plausibleMqtt } from './mqtt-heads.ts';
import type { PlausibleHeads } from './plausible-heads.ts';
import { plausiblePostgres } from './postgres-heads.ts';
import { plausibleSmb } from './smb-heads.ts';
import { plausibleTls } from './tls-heads.ts';

/** By the function that makes the framing: a preset of one's own may have a name that is taken. */
const HEADS: ReadonlyMap<Preset['framing'], PlausibleHeads> = new Map<Preset['framing'], PlausibleHeads>([
  [tls.framing, plausibleTls],
  [bgp.framing, plausibleBgp],
  [smb.framing, plausibleSmb],
  [postgresql.framing, plausiblePostgres],
  [mqtt.framing, plausibleMqtt],
]);

/** What heads of a preset's frames look like; null where they cannot be told from other bytes. */
export const headsOf = ({ framing }: Preset): PlausibleHeads | null => HEADS.get(framing) ?? null;
