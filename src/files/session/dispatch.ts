/** The commands that a server knows, and the framing of its requests. A new command adds its line here. */
import { ANYTHING, checkOptions, FUNCTION, optional } from '../../wire/argument.ts';
import { headFault } from '../../wire/fault.ts';
import type { Framing } from '../../wire/framing.ts';
import { type JsonHeader, jsonHeader } from '../../wire/json-header.ts';
import { unknownBodyLength } from '../protocol/body-length.ts';
import { checkCommands } from './check-commands.ts';
import type { Command } from './command.ts';
import { cancel } from './commands/cancel.ts';
import { remove } from './commands/delete.ts';
import { get } from './commands/get.ts';
import { hello } from './commands/hello.ts';
import { list } from './commands/list.ts';
import { ping } from './commands/ping.ts';
import { put } from './commands/put.ts';
import { rename } from './commands/rename.ts';
import { resume } from './commands/resume.ts';
import { stat } from './commands/stat.ts';

/**
 * The commands of Sluice's own: `put`, `resume`, `cancel`, `hello`, `get`, `list`, `stat`, `delete`, `rename` and
 * `ping`.
 *
 * @example
 * const greet = defineCommand({
 *   pattern: { cmd: 'greet' },
 *   touches: {},
 *   start: () => acknowledge(null, { greeting: 'hello' }),
 *   on: (state) => ({ state }),
 * });
 * startServer({ store, commands: [...commands, greet] });
 */
export const commands: readonly Command[] = [
  put,
  resume,
  cancel,
  get,
  list,
  stat,
  remove,
  rename,
  hello,
  ping,
];

/**
 * The framing of what a client sends to a server.
 *
 * The command of a request says how long its body is. For an unknown command the framing takes `filesize` to be the
 * length, so that the server can skip the body and serve the requests behind it.
 *
 * @param known the commands of the server; default `commands`.
 * @throws RangeError when `maxHeader` is out of its bounds, 2 to 2^31 - 1.
 * @example
 * connection.chunks$.pipe(deframe(requestFraming())).subscribe({
 *   next: (event) => {
 *     if (event.type === 'start') console.log(event.header.cmd, event.length);
 *   },
 *   error: (error) => console.error(error.message),
 * });
 */
export function requestFraming(
  known: readonly Command[] = commands,
  options: {
    /** The most bytes of JSON in a header; default 65,536. */
    readonly maxHeader?: number;
    /**
     * Called with any exception that the `bodyLength` of your own command throws; the peer gets the fault
     * `bad-body-length`. Without it the exception is the `cause` of the fault.
     */
    readonly onInternalError?: (thrown: unknown) => void;
  } = {},
): Framing<JsonHeader> {
  checkCommands('requestFraming', known);
  checkOptions('requestFraming', options, { maxHeader: ANYTHING, onInternalError: optional(FUNCTION) });
  const { maxHeader, onInternalError } = options;
  const rules = new Map(known.map((command) => [command.cmd as unknown, command.bodyLength ?? (() => 0)]));
  return jsonHeader({
    ...(maxHeader === undefined ? {} : { maxHeader }),
    bodyLength: (header) => {
      try {
        const length = (rules.get(header.cmd) ?? unknownBodyLength)(header);
        return typeof length === 'number' ? length : headFault('body-length-invalid', length);
      } catch (thrown) {
        onInternalError?.(thrown);
        const fault = headFault('body-length-invalid', 'the server failed to tell');
        return onInternalError === undefined ? { ...fault, cause: thrown } : fault;
      }
    },
  });
}
