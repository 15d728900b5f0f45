/** Runs the requests of a command over one connection, and turns their faults into an exit status. */
import { firstValueFrom, lastValueFrom, race, timer } from 'rxjs';
import { type Client, createClient } from '../../client/client.ts';
import { type ClientFault, isClientFault } from '../../client/client-fault.ts';
import { breaksConnection, isRetryable } from '../../client/pool/retry.ts';
import { ExitError, exitError, isExitError } from './exit-error.ts';
import { exitStatus } from './exit-status.ts';
import { faultInWords } from './fault-words.ts';
import { ofName } from './format.ts';
import type { Output } from './output.ts';
import { connected, connection$, type ServerFlags, tokenOf } from './server-option.ts';

/** Milliseconds that a server may be silent while it owes an answer. */
const SILENCE_MAX_MS = 60_000;

/** Milliseconds that a server has to end its side once ours is ended and everything is answered. */
const CLOSING_MAX_MS = 2000;

/** Resolves when the server has accepted the token, or at once without a token. Rejects with a `ClientError`. */
export async function sayHello(client: Pick<Client, 'request'>, token: string | null): Promise<void> {
  if (token !== null) await lastValueFrom(client.request({ cmd: 'hello', token }));
}

/** Answers the result of `questions`. Throws an `ExitError` for a fault that they reject with. */
export async function withClient<T>(
  flags: ServerFlags,
  output: Output,
  questions: (client: Client) => Promise<T>,
): Promise<T> {
  const token = tokenOf(flags);
  const client = createClient(await connected(connection$(flags)), { timeout: SILENCE_MAX_MS });
  try {
    await sayHello(client, token);
    const answer = await questions(client);
    await hangUp(client);
    return answer;
  } catch (thrown) {
    // What was refused has left the connection sound: the server is not to take it for a broken one.
    if (isSaid(thrown)) await hangUp(client);
    client.destroy();
    throw isClientFault(thrown) ? clientExitError(thrown) : thrown;
  } finally {
    output.flush();
  }
}

/** Ends the connection in good order. */
async function hangUp(client: Client): Promise<void> {
  client.end();
  await firstValueFrom(race(client.closed$, timer(CLOSING_MAX_MS)));
  client.destroy();
}

const isSaid = (thrown: unknown): boolean =>
  isExitError(thrown)
    ? thrown.status !== exitStatus.connection
    : isClientFault(thrown) && !breaksConnection(thrown);

export const clientExitError = (fault: ClientFault): ExitError =>
  new ExitError(
    breaksConnection(fault) ? exitStatus.connection : exitStatus.failed,
    faultInWords(fault, 'read'),
    !isRetryable(fault) || isOfAnotherProtocol(fault),
  );

/** It is tried again since a broken connection may look like that; a peer that always does it is no server of files. */
const isOfAnotherProtocol = (fault: ClientFault): boolean =>
  fault.code === 'protocol' && fault.error === undefined;

/** Explains a failure of one name alone: null when that was printed before, undefined when it concerns all names. */
function explainOne(thrown: unknown): string | null | undefined {
  if (isExitError(thrown)) return thrown.said;
  return isClientFault(thrown) && !breaksConnection(thrown) ? faultInWords(thrown, 'read') : undefined;
}

/**
 * Makes the same request for each name, without waiting for answers in between. A refusal is printed and does not stop
 * the other names. A broken connection does: its `ClientError` is thrown. The status of the `ExitError` that is thrown at
 * the end is `existing` when that is why all of them were refused.
 */
export async function forEachName(
  names: readonly string[],
  output: Output,
  ask: (name: string) => Promise<void>,
): Promise<void> {
  const asked = names.map(async (name) => {
    try {
      await ask(name);
      return exitStatus.success;
    } catch (thrown) {
      const why = explainOne(thrown);
      if (why === undefined) throw thrown;
      if (why !== null) output.error(ofName(name, why));
      return isExitError(thrown) ? thrown.status : exitStatus.failed;
    }
  });
  const settled = await Promise.allSettled(asked);
  for (const each of settled) if (each.status === 'rejected') throw each.reason as unknown;
  const statuses = settled.map((each) => (each.status === 'fulfilled' ? each.value : exitStatus.failed));
  const refused = statuses.filter((status) => status !== exitStatus.success);
  if (refused.length === 0) return;
  const allThere = refused.every((status) => status === exitStatus.existing);
  throw exitError(allThere ? exitStatus.existing : exitStatus.failed);
}

/** Names that are asked for at once, and lines between which what was printed is handed on. */
const AT_ONCE = 1000;

/**
 * The same of any number of names, so many at a time. Names that were refused do not stop those behind them either.
 *
 * @param atOnce 1 for one after the other.
 */
export async function forEachNameInTurns(
  names: readonly string[],
  output: Output,
  ask: (name: string) => Promise<void>,
  atOnce: number = AT_ONCE,
): Promise<void> {
  let failure: ExitError | null = null;
  for (let at = 0; at < names.length; at += atOnce) {
    try {
      await forEachName(names.slice(at, at + atOnce), output, ask);
    } catch (thrown) {
      if (!isExitError(thrown)) throw thrown;
      if (failure === null || failure.status === exitStatus.existing) failure = thrown;
    }
    output.flush();
  }
  if (failure !== null) throw failure;
}
