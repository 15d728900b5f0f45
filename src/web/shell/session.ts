/**
 * Who the page speaks for.
 *
 * ```text
 *  state       it is left by                              for
 *  asking      the server's answer                        in, out
 *              no answer                                  away
 *  out         a token that the server knows              in
 *  in          signing out; a token that is revoked       out
 *  away        the server's answer, at last               in, out
 * ```
 *
 * A server that is away later leaves the page as it is: what is under way goes on when it is there again.
 *
 * The token is in a cookie that scripts cannot read: the page never keeps it.
 */
import { BehaviorSubject, type Observable } from 'rxjs';

export type Right = 'read' | 'write' | 'delete' | 'observe';

export interface Session {
  /** The name that the server knows the token by; empty for whoever has none. */
  readonly name: string;
  readonly rights: readonly Right[];
  /** What all names begin with that the session may use; empty where there is no such bound. */
  readonly prefix: string;
  /** Whether no token was needed: there is nothing to sign out of. */
  readonly anonymous: boolean;
  /** The server's version. */
  readonly version: string;
}

export type SessionState =
  | { readonly is: 'asking' }
  | { readonly is: 'in'; readonly session: Session }
  | { readonly is: 'out'; readonly wrong: boolean }
  | { readonly is: 'away' };

export interface Sessions {
  readonly state$: Observable<SessionState>;
  readonly state: () => SessionState;
  /** Asks the server who the page speaks for: at first, and when it did not take a connection. */
  readonly ask: () => Promise<void>;
  readonly signIn: (token: string) => Promise<void>;
  readonly signOut: () => Promise<void>;
}

const URL_OF_SESSION = 'session';
/** Milliseconds until an answer is given up. */
const PATIENCE_MS = 15_000;

export function createSessions(): Sessions {
  const state$ = new BehaviorSubject<SessionState>({ is: 'asking' });
  const fetched = async (init?: RequestInit): Promise<Response | null> => {
    try {
      return await fetch(URL_OF_SESSION, { ...init, signal: AbortSignal.timeout(PATIENCE_MS) });
    } catch {
      return null;
    }
  };
  const ask = async (): Promise<void> => {
    const answer = await fetched();
    if (answer?.ok) entered((await answer.json()) as Session);
    else if (answer?.status === 401) state$.next({ is: 'out', wrong: false });
    else if (state$.value.is !== 'in') state$.next({ is: 'away' });
  };
  /** The views begin anew when they get another session: so one that says the same stays what it is. */
  const entered = (session: Session): void => {
    const { value } = state$;
    if (value.is === 'in' && JSON.stringify(value.session) === JSON.stringify(session)) return;
    state$.next({ is: 'in', session });
  };
  return {
    state$: state$.asObservable(),
    state: () => state$.value,
    ask,
    async signIn(token) {
      const answer = await fetched({
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ token }),
      });
      if (answer?.ok) await ask();
      else state$.next(answer === null ? { is: 'away' } : { is: 'out', wrong: true });
    },
    async signOut() {
      await fetched({ method: 'DELETE' });
      await ask();
    },
  };
}
