/**
 * The log of changes of another process, for a store that records in it: that process owns the log, and so the order of
 * all changes.
 *
 * What a process has begun when it dies is `unknown`: its calls of the system have ended with it, and the log asks the file
 * system.
 */
import type { CallHandlers, Calls } from '../../base/calls.ts';
import type { Outcome } from '../contract.ts';
import { err } from '../outcome.ts';
import type { ChangeRecorder, Intent, Settlement, Ticket } from './change-log.ts';

interface AskedBegin {
  readonly intent: Intent;
  readonly ticket: Ticket | null;
}

interface AskedSettle {
  readonly ticket: Ticket;
  readonly settlement: Settlement;
}

/** @param calls to the process that has the log. */
export function remoteChanges({ call }: Pick<Calls, 'call'>): ChangeRecorder {
  const ask = (name: string, argument: unknown): Promise<Outcome<Ticket>> =>
    call<Outcome<Ticket>>(name, argument).catch(() =>
      err('unavailable', 'the process with the log of changes is gone'),
    );
  return {
    claim: (names) => ask('changes.claim', names),
    begin: (intent, ticket) => ask('changes.begin', { intent, ticket: ticket ?? null } satisfies AskedBegin),
    settle: (ticket, settlement) =>
      call<void>('changes.settle', { ticket, settlement } satisfies AskedSettle).catch(() => {}),
  };
}

/** A process that records, as the owner of the log has it. */
export interface RecordingProcess {
  readonly handlers: CallHandlers;
  /** Called once, when the process has ended. */
  readonly left: () => void;
}

/** @param log that of this process. */
export const ownChanges = (log: ChangeRecorder) => ({ join: (): RecordingProcess => joinLog(log) });

function joinLog(log: ChangeRecorder): RecordingProcess {
  /** What the process has to settle. Its calls under way bound it. */
  const open = new Set<Ticket>();
  let hasLeft = false;
  async function given(asked: Promise<Outcome<Ticket>>): Promise<Outcome<Ticket>> {
    const outcome = await asked;
    if (!outcome.ok) return outcome;
    open.add(outcome.value);
    if (hasLeft) void giveBack(outcome.value);
    return outcome;
  }
  async function giveBack(ticket: Ticket): Promise<void> {
    if (open.delete(ticket)) await log.settle(ticket, 'unknown');
  }
  return {
    handlers: {
      'changes.claim': (names: readonly string[]) => given(log.claim(names)),
      'changes.begin': ({ intent, ticket }: AskedBegin) => given(log.begin(intent, ticket ?? undefined)),
      'changes.settle': async ({ ticket, settlement }: AskedSettle) => {
        if (open.delete(ticket)) await log.settle(ticket, settlement);
      },
    },
    left: () => {
      hasLeft = true;
      for (const ticket of open) void giveBack(ticket);
    },
  };
}
