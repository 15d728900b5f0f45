/** A list of commands, checked where it comes in. */
import { check, checkOptions, FUNCTION, LIST, TEXT } from '../../wire/argument.ts';
import type { Command } from './command.ts';

/**
 * @param by the function that was given them.
 * @throws TypeError when they are no list of commands, made by `defineCommand`.
 */
export function checkCommands(by: string, commands: readonly Command[]): void {
  check(`${by}: the commands`, commands, LIST);
  for (const command of commands) checkOptions(`${by}: a command`, command, { cmd: TEXT, reduce: FUNCTION });
}
