/** Who may change which names: one at a time for each name, in the order in which they asked. */
import type { Ticket } from './change-log.ts';

export interface Claims {
  /**
   * Waits for the turn of a ticket at all of its names. Resolves with false when it was not its turn in time: then it
   * has none.
   */
  enter(ticket: Ticket, names: readonly string[]): Promise<boolean>;
  /** Gives the names of a ticket back. */
  leave(ticket: Ticket): void;
  /** Ends every wait: it was nobody's turn. */
  close(): void;
}

interface Claim {
  readonly ticket: Ticket;
  readonly names: readonly string[];
  /** The names at which others are before it. */
  waitsFor: number;
  /** Ends its wait. */
  end: ((isEntered: boolean) => void) | undefined;
}

/**
 * It stores an entry for each ticket, so the callers bound it. A ticket joins the queues of all of its names at once, so
 * no two wait for each other.
 *
 * @param waitMs how long a ticket waits for its turn.
 */
export function createClaims(waitMs: number): Claims {
  /** For each name in use its claims: the first has it. */
  const queues = new Map<string, Claim[]>();
  const claims = new Map<Ticket, Claim>();

  function leave(ticket: Ticket): void {
    const claim = claims.get(ticket);
    if (claim === undefined) return;
    claims.delete(ticket);
    for (const name of claim.names) {
      const queue = queues.get(name)!;
      const place = queue.indexOf(claim);
      queue.splice(place, 1);
      if (queue.length === 0) queues.delete(name);
      else if (place === 0) stepForward(queue[0]!);
    }
  }

  function stepForward(claim: Claim): void {
    claim.waitsFor -= 1;
    if (claim.waitsFor === 0) claim.end?.(true);
  }

  return {
    leave,
    close() {
      for (const claim of claims.values()) if (claim.waitsFor > 0) claim.end?.(false);
    },
    enter(ticket, given) {
      const names = given.length > 1 ? [...new Set(given)] : given;
      const claim: Claim = { ticket, names, waitsFor: 0, end: undefined };
      claims.set(ticket, claim);
      for (const name of names) {
        const queue = queues.get(name);
        if (queue === undefined) queues.set(name, [claim]);
        else {
          queue.push(claim);
          claim.waitsFor += 1;
        }
      }
      if (claim.waitsFor === 0) return Promise.resolve(true);
      return new Promise((resolve) => {
        claim.end = (isEntered) => {
          clearTimeout(timer);
          if (!isEntered) leave(ticket);
          resolve(isEntered);
        };
        const timer = setTimeout(claim.end, waitMs, false);
      });
    },
  };
}
