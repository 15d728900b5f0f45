/**
 * Looks at the token of a `hello` when it is its turn (see `token-tries`).
 *
 * What waits is one `hello` of a connection, with its header's credit and a timer; what comes behind it is not begun, and
 * soon not read. Each wait ends: when its turn comes, or at once when nobody can be answered any more or the server shuts
 * down, and then the token is not looked at.
 */
import type { SchedulerLike } from 'rxjs';
import type { Principal } from '../files/protocol/access.ts';
import { type ErrorInfo, errorInfo } from '../files/protocol/errors.ts';
import type { MaybeAsync, Outcome } from '../store/contract.ts';
import type { Access } from './access.ts';

/** The tries of one address. */
export interface AddressTries {
  /** In how many milliseconds its next turn is. Takes it. */
  readonly takeTurn: () => number;
  readonly wrong: () => void;
}

export interface TokenCheck {
  /** Whose token it is; fails with `bad-token`, or as `giveUp` says. Throws or rejects as `byToken` throws. One call at a time. */
  readonly principalOf: (token: string) => MaybeAsync<Principal>;
  /** Ends the wait that there may be with an error. */
  readonly giveUp: (error: ErrorInfo) => void;
}

/** @param tries without them nobody waits. */
export function createTokenCheck(
  { byToken }: Pick<Access, 'byToken'>,
  scheduler: SchedulerLike,
  tries?: AddressTries,
): TokenCheck {
  /** Ends the wait that there is. */
  let giveUp: ((error: ErrorInfo) => void) | null = null;

  function checkToken(token: string): Outcome<Principal> {
    const principal = byToken(token);
    if (principal !== null) return { ok: true, value: principal };
    tries?.wrong();
    return { ok: false, error: errorInfo('bad-token') };
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
