/** A log of changes in another process, for a store that records in it. */
import type { CallHandlers, Calls } from '../../base/calls.ts';
import { StateError } from '../../base/sluice-error.ts';
import type { Outcome } from '../contract.ts';
import { err } from '../outcome.ts';
import type { ChangeRecorder, Intent, Settlement, Ticket } from './change-log.ts';

interface BeginArgument {
  readonly intent: Intent;
  readonly ticket: Ticket | undefined;
}

interface SettleArgument {
  readonly ticket: Ticket;
  readonly settlement: Settlement;
}

export interface SharedRecorder {
  /** What the process with the log answers to one other process. */
  readonly handlers: CallHandlers;
  /** Call it when that process is dead: the log asks the file system what became of its changes. */
  readonly release: () => void;
}

/** Shares a log with one other process. */
export function shareRecorder(log: ChangeRecorder): SharedRecorder {
  /** Those that the other process has: one for each of its changes. */
  const tickets = new Set<Ticket>();
  let isGone = false;

  async function keep(asked: Promise<Outcome<Ticket>>): Promise<Outcome<Ticket>> {
    const outcome = await asked;
    if (!outcome.ok) return outcome;
    // It came to its turn too late, and nobody else would end it.
    if (isGone) void log.settle(outcome.value, 'unknown');
    else tickets.add(outcome.value);
    return outcome;
  }

  return {
    handlers: {
      claimChange: (names: readonly string[]) => keep(log.claim(names)),
      beginChange: ({ intent, ticket }: BeginArgument) => keep(log.begin(intent, ticket)),
      settleChange: ({ ticket, settlement }: SettleArgument) => {
        tickets.delete(ticket);
        return log.settle(ticket, settlement);
      },
    },
    release: () => {
      isGone = true;
      for (const ticket of tickets) void log.settle(ticket, 'unknown');
      tickets.clear();
    },
  };
}

/** The log of the other side of a channel. Without that side every change is refused with `unavailable`. */
export function remoteRecorder({ call, tell }: Calls): ChangeRecorder {
  async function ask(name: string, argument: unknown): Promise<Outcome<Ticket>> {
    try {
      return await call<Outcome<Ticket>>(name, argument);
    } catch (error) {
      if (!(error instanceof StateError)) throw error;
      return err('unavailable', 'the process that keeps the events is gone');
    }
  }

  return {
    claim: (names) => ask('claimChange', names),
    begin: (intent, ticket) => ask('beginChange', { intent, ticket } satisfies BeginArgument),
    settle: async (ticket, settlement) =>
      tell('settleChange', { ticket, settlement } satisfies SettleArgument),
  };
}
