/** Reaches the log of changes of a folder: by the process that has it, or in the folder while none has. */
import { existsSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { type Calls, connectCalls } from '../../base/calls.ts';
import type { ChangeEvent, ChangeLogStatus, DeadLetter } from '../../store/changes/change-log.ts';
import { openChangeLog } from '../../store/changes/open-change-log.ts';
import type { Outcome } from '../../store/contract.ts';
import { err, ok } from '../../store/outcome.ts';
import { changesFolder, socketChannel, withSocketPath } from './control-socket.ts';

/** What an operator can do with the events of a folder. Methods are those of `ChangeLog`. */
export interface EventsControl extends AsyncDisposable {
  /** Whether a process delivers the events now. */
  readonly isServed: boolean;
  /** Whether that process was given up, since it did not answer for 30 seconds. */
  readonly isGivenUp: boolean;
  readonly status: () => Promise<ChangeLogStatus>;
  readonly read: (after: number, limit: number) => Promise<readonly ChangeEvent[]>;
  /** Events after a `sequence`, once there are some; null when nobody serves the folder. */
  readonly follow: (after: number) => Promise<readonly ChangeEvent[] | null>;
  readonly deadLetters: (sink: string) => Promise<readonly DeadLetter[]>;
  readonly move: (sink: string, at: number) => Promise<Outcome<void>>;
  readonly revive: (sink: string, id?: string) => Promise<Outcome<number>>;
  readonly forget: (sink: string, id?: string) => Promise<Outcome<number>>;
}

/** Milliseconds that a process may take to answer. To `follow` it answers when there is something to say. */
const ANSWER_MS = 30_000;

/** `not-found` when no events were ever kept for the folder. */
export async function openEventsControl(root: string): Promise<Outcome<EventsControl>> {
  if (!existsSync(changesFolder(root))) return err('not-found', 'no events are kept for this folder');
  const socket = await withSocketPath(root, connectTo);
  if (socket !== null) return ok(servedControl(connectCalls(socketChannel(socket), {})));
  const opened = await openChangeLog(root);
  if (!opened.ok) return opened;
  const log = opened.value;
  return ok({
    isServed: false,
    isGivenUp: false,
    status: log.status,
    read: log.read,
    follow: async () => null,
    deadLetters: log.deadLetters,
    move: log.move,
    revive: log.revive,
    forget: log.forget,
    [Symbol.asyncDispose]: () => log.close(),
  });
}

/** Null when nobody listens. */
const connectTo = (path: string): Promise<Socket | null> =>
  new Promise((resolve) => {
    const socket = connect(path);
    socket.once('connect', () => resolve(socket));
    socket.once('error', () => resolve(null));
  });

function servedControl({ call, close }: Calls): EventsControl {
  let isGivenUp = false;
  const giveUp = (): void => {
    isGivenUp = true;
    close();
  };
  const ask = <T>(name: string, argument?: unknown): Promise<T> => {
    const timer = setTimeout(giveUp, ANSWER_MS);
    return call<T>(name, argument).finally(() => clearTimeout(timer));
  };
  return {
    isServed: true,
    get isGivenUp() {
      return isGivenUp;
    },
    status: () => ask('status'),
    read: (after, limit) => ask('read', { after, limit }),
    follow: (after) => call('follow', { after }),
    deadLetters: (sink) => ask('deadLetters', { sink }),
    move: (sink, at) => ask('move', { sink, at }),
    revive: (sink, id) => ask('revive', { sink, ...(id !== undefined && { id }) }),
    forget: (sink, id) => ask('forget', { sink, ...(id !== undefined && { id }) }),
    [Symbol.asyncDispose]: async () => close(),
  };
}
