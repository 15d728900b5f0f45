/** Runs a command's questions over one connection, and turns what goes wrong into an exit status. */
import { type Client, createClient } from '../../client/client.ts';
import { type ClientFault, isClientFault } from '../../client/client-fault.ts';
import { crc32 } from '../../store/crc32.ts';
import { closing } from './closing.ts';
import { type ExitError, exitError, isExitError } from './exit-error.ts';
import { exitStatus } from './exit-status.ts';
import { faultInWords } from './fault-words.ts';
import { ofName } from './format.ts';
import { sayHello } from './hello.ts';
import type { Output } from './output.ts';
import { connected, connection$, type ServerFlags, tokenOf } from './server-option.ts';

/** Milliseconds that a server may be silent when an answer is due. */
const SILENCE_MAX_MS = 60_000;

/** Answers what the questions answer; throws a `Stop` for a fault that they let through. */
export async function withClient<T>(
  flags: ServerFlags,
  output: Output,
  questions: (client: Client) => Promise<T>,
): Promise<T> {
  const token = tokenOf(flags);
  const client = createClient(await connected(connection$(flags)), { crc32, timeout: SILENCE_MAX_MS });
  try {
    await sayHello(client, token);
    const answer = await questions(client);
    client.end();
    await closing(client);
    return answer;
  } catch (thrown) {
    client.destroy();
    throw isClientFault(thrown) ? clientExitError(thrown) : thrown;
  } finally {
    output.flush();
  }
}

export const breaks = (fault: ClientFault): boolean =>
  fault.type === 'connection' || fault.type === 'protocol';

export const clientExitError = (fault: ClientFault): ExitError =>
  exitError(breaks(fault) ? exitStatus.connection : exitStatus.failed, faultInWords(fault, 'read'));

/** What is wrong with one name alone; null when that was said, undefined when it is about all of them. */
function explainOne(thrown: unknown): string | null | undefined {
  if (isExitError(thrown)) return thrown.message;
  return isClientFault(thrown) && !breaks(thrown) ? faultInWords(thrown, 'read') : undefined;
}

/**
 * Asks the same of each name, all ahead of their answers. What is refused is told and counted, and does not stop the
 * others; a broken connection does, as a `ClientFault` thrown.
 */
export async function forEachName(
  names: readonly string[],
  output: Output,
  ask: (name: string) => Promise<void>,
): Promise<void> {
  const asked = names.map(async (name) => {
    try {
      await ask(name);
      return true;
    } catch (thrown) {
      const why = explainOne(thrown);
      if (why === undefined) throw thrown;
      if (why !== null) output.error(ofName(name, why));
      return false;
    }
  });
  const settled = await Promise.allSettled(asked);
  for (const each of settled) if (each.status === 'rejected') throw each.reason;
  const refused = settled.some((each) => each.status === 'fulfilled' && !each.value);
  if (refused) throw exitError(exitStatus.failed);
}
