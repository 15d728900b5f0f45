/**
 * Well-known protocols by name. Their messages can be found from the first byte of any message on.
 *
 * Redis is not one of them, since RESP puts no length before a message. A reply is `*3\r\n$5\r\n…`: an array that
 * says how many elements follow and not how many bytes, and each element may be an array again. A simple string, an
 * error or an inline command ends with its line. Only a parser finds the end of such a message.
 */
import { check, TEXT } from './argument.ts';
import type { Preset } from './preset.ts';
import { amqp, bgp, dns, kafka, mongodb, mqtt, mysql, postgresql, smb, tds, tls } from './presets/all.ts';
import type { MessageHead } from './presets/message-head.ts';

/** In the order of their names. The header of a frame of any of them is a `MessageHead`. */
export const presetList: readonly Preset<MessageHead>[] = [
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
 * @example
 * const preset = presetNamed('tls');
 * if (preset !== null) deframe(preset.framing()); // start {head: 16 03 01 …, length: 512}, end
 */
export function presetNamed(name: string): Preset<MessageHead> | null {
  check('presetNamed: the name', name, TEXT);
  return presetList.find((preset) => preset.name === name) ?? null;
}
