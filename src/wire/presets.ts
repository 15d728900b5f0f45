/**
 * Well-known protocols by name, whose messages can be found from any message's first byte on.
 *
 * Redis is not one of them. RESP puts no length before a message: a reply is `*3\r\n$5\r\n…`, an array that says how
 * many elements follow and not how many bytes, each of which may be an array again, and a simple string, an error or
 * an inline command ends where its line does. Its end is found by reading through it, which is a parser's work.
 */
import { check, TEXT } from './argument.ts';
import type { Preset } from './preset.ts';
import { amqp } from './presets/amqp.ts';
import { bgp } from './presets/bgp.ts';
import { dns } from './presets/dns.ts';
import { kafka } from './presets/kafka.ts';
import { mongodb } from './presets/mongodb.ts';
import { mqtt } from './presets/mqtt.ts';
import { mysql } from './presets/mysql.ts';
import { postgresql } from './presets/postgres.ts';
import { smb } from './presets/smb.ts';
import { tds } from './presets/tds.ts';
import { tls } from './presets/tls.ts';

export type { MessageHead } from './presets/message-head.ts';

/** In the order of their names. The header of a frame of any of them is a `MessageHead`. */
export const presets: readonly Preset[] = [
  amqp,
  bgp,
  dns,
  kafka,
  mongodb,
  mqtt,
  mysql,
  postgresql,
  smb,
  tds,
  tls,
];

/**
 * The preset of this name, or null.
 *
 * @throws TypeError when the name is no string.
 * @example chunks$.pipe(deframe(presetNamed('tls')!.framing())); // start {head: 16 03 01 …, length: 512}, end
 */
export function presetNamed(name: string): Preset | null {
  check('presetNamed: the name', name, TEXT);
  return presets.find((preset) => preset.name === name) ?? null;
}
