/**
 * A hook that runs a program for each file, which decides by its exit status, as scanners of viruses do:
 *
 *   0           the file is stored
 *   1           it is refused; the reason is the first line of the program's standard output
 *   any other   there is no answer
 */
import type { Accept } from '../../store/accept/with-accept.ts';
import type { StagedContent } from '../../store/contract.ts';
import { type ProgramCommand, runProgram } from '../sinks/run-program.ts';
import { PATH_ARGUMENT } from './path-argument.ts';

const NO_REASON = 'it was not accepted';

/**
 * The program gets the file as JSON on its standard input (`name`, `size`, `crc32`, and `path`, where the content is), and
 * its path in the place of an argument `{}`.
 *
 * @param timeoutMs after which it is killed, with the processes that it started.
 */
export const acceptByCommand =
  ([program, ...given]: ProgramCommand, timeoutMs: number): Accept =>
  async (content, signal) => {
    const { path = '' } = content;
    const command: ProgramCommand = [program, ...given.map((each) => (each === PATH_ARGUMENT ? path : each))];
    const { status, how, stdout, stderr } = await runProgram(
      command,
      `${questionOf(content)}\n`,
      timeoutMs,
      signal,
    );
    if (status === 0) return null;
    if (status === 1) return reasonIn(stdout, content);
    const said = stderr.trim();
    throw new Error(said === '' ? how : `${how}: ${said}`);
  };

const questionOf = ({ name, size, crc32, path }: StagedContent): string =>
  JSON.stringify({ name, size, crc32, path });

/** The client is not told where the server keeps what it has not stored. */
function reasonIn(text: string, { name, path }: StagedContent): string {
  const lines = text.split('\n').map((line) => line.trim());
  const reason = lines.find((line) => line !== '') ?? NO_REASON;
  return path === undefined ? reason : reason.replaceAll(path, name);
}
