/**
 * Checks the token of a `hello` when it is its turn (see `token-tries`).
 *
 * What waits is one `hello` for each connection, with the credit of its header and a timer. The requests behind it
 * are not begun, and soon the connection is not read. Each wait ends: when the turn comes; or at once, when no answer
 * can reach the peer any more or the server shuts down, and then the token is not checked.
 */
import type { SchedulerLike } from 'rxjs';
import type { MaybeAsync, Outcome } from '../../store/contract.ts';
import type { Principal } from '../protocol/access.ts';
import { type ServiceFault, serviceFault } from '../protocol/errors.ts';
import type { Access } from './access.ts';

/** The tries from one address. */
export interface AddressTries {
  /** Takes the next turn of the address. Returns in how many milliseconds it is. */
  readonly takeTurn: () => number;
  readonly wrong: () => void;
}

export interface TokenCheck {
  /**
   * The principal that has the token. Fails with `bad-token`, or with the error that `giveUp` was called with. Throws
   * or rejects as `byToken` throws. Only one call may be under way.
   */
  readonly principalOf: (token: string) => MaybeAsync<Principal>;
  /** Ends the current wait, if there is one, with an error. */
  readonly giveUp: (error: ServiceFault) => void;
}

/** @param tries without them no token waits. */
export function createTokenCheck(
  { byToken }: Pick<Access, 'byToken'>,
  scheduler: SchedulerLike,
  tries?: AddressTries,
): TokenCheck {
  /** Ends the current wait; null when there is none. */
  let giveUp: ((error: ServiceFault) => void) | null = null;

  function checkToken(token: string): Outcome<Principal> {
    const principal = byToken(token);
    if (principal !== null) return { ok: true, value: principal };
    tries?.wrong();
    return { ok: false, error: serviceFault('bad-token') };
  }

  return {
    principalOf: (token) => {
      const wait = tries?.takeTurn() ?? 0;
      if (wait === 0) return checkToken(token);
      return new Promise((resolve, reject) => {
        const timer = scheduler.schedule(() => {
          giveUp = null;
          try {
            resolve(checkToken(token));
          } catch (thrown) {
            reject(thrown);
          }
        }, wait);
        giveUp = (error) => {
          giveUp = null;
          timer.unsubscribe();
          resolve({ ok: false, error });
        };
      });
    },
    giveUp: (error) => giveUp?.(error),
  };
}
