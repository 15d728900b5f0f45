/**
 * Checks the token of a `hello` when it is its turn (see `token-tries`).
 *
 * What waits is one `hello` for each connection, with the credit of its header and a timer. The requests behind it
 * are not begun, and soon the connection is not read. Each wait ends: when the turn comes; or at once, when no answer
 * can reach the peer any more or the server shuts down, and then the token is not checked.
 */
import type { SchedulerLike, Subscription } from 'rxjs';
import type { MaybeAsync, Outcome } from '../../store/contract.ts';
import type { Principal } from '../protocol/access.ts';
import { type ServiceFault, serviceFault } from '../protocol/errors.ts';
import type { Access } from './access.ts';

/** The tries from one address. */
export interface AddressTries {
  /** Takes the next turn of the address. Returns in how many milliseconds it is; later, when another process knows. */
  readonly takeTurn: () => number | Promise<number>;
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

  /** @param turn milliseconds; or a promise of them. */
  function afterTurn(token: string, turn: number | Promise<number>): Promise<Outcome<Principal>> {
    return new Promise((resolve, reject) => {
      let timer: Subscription | undefined;
      let isOver = false;
      const check = () => {
        giveUp = null;
        try {
          resolve(checkToken(token));
        } catch (thrown) {
          reject(thrown);
        }
      };
      const wait = (ms: number) => {
        if (isOver) return;
        if (ms === 0) check();
        else timer = scheduler.schedule(check, ms);
      };
      giveUp = (error) => {
        isOver = true;
        giveUp = null;
        timer?.unsubscribe();
        resolve({ ok: false, error });
      };
      if (typeof turn === 'number') wait(turn);
      else turn.then(wait, reject);
    });
  }

  return {
    principalOf: (token) => {
      const turn = tries?.takeTurn() ?? 0;
      return turn === 0 ? checkToken(token) : afterTurn(token, turn);
    },
    giveUp: (error) => giveUp?.(error),
  };
}
