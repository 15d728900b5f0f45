/** Checks a list of commands that comes from a caller. All of `command.ts` is public, so this is not in it. */
import { check, checkFields, FUNCTION, LIST, TEXT } from '../../wire/argument.ts';
import type { Command } from './command.ts';

/**
 * @param by the name of the function that was called with them.
 * @throws TypeError when they are no list of commands that `defineCommand` made.
 */
export function checkCommands(by: string, commands: readonly Command[]): void {
  check(`${by}: the commands`, commands, LIST);
  for (const command of commands) checkFields(`${by}: a command`, command, { cmd: TEXT, reduce: FUNCTION });
}
