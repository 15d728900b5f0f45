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
 * All tabs have the same cookie: one that signs in or out has the others ask again.
 *
 * The token is in a cookie that scripts cannot read: the page never keeps it.
 */
import { BehaviorSubject, type Observable } from 'rxjs';
import type { Right } from '../../files/protocol/access.ts';

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
  | { readonly is: 'out'; readonly why: string }
  | { readonly is: 'away' };

/** Whether the page no longer speaks for an account: what was begun in its name must not go on. */
export const isOther = (state: SessionState, account: string): boolean =>
  state.is === 'out' || (state.is === 'in' && state.session.name !== account);

export interface Sessions {
  readonly state$: Observable<SessionState>;
  readonly state: () => SessionState;
  /** Asks the server who the page speaks for: at first, and when it did not take a connection. */
  readonly ask: () => Promise<void>;
  readonly signIn: (token: string) => Promise<void>;
  /** Answers false when the server does not: then nothing has changed. */
  readonly signOut: () => Promise<boolean>;
}

const URL_OF_SESSION = 'session';
/** Milliseconds until an answer is given up. */
const PATIENCE_MS = 15_000;
/** On which the tabs of this server's page tell one another that the cookie is another one. */
const CHANNEL = 'sluice-session';

export function createSessions(): Sessions {
  const state$ = new BehaviorSubject<SessionState>({ is: 'asking' });
  const fetched = async (init?: RequestInit): Promise<Response | null> => {
    try {
      return await fetch(URL_OF_SESSION, { ...init, signal: AbortSignal.timeout(PATIENCE_MS) });
    } catch {
      return null;
    }
  };
  /** A question that is not answered, so that thousands of refusals at once ask one. */
  let asked: Promise<void> | null = null;
  const ask = (): Promise<void> => {
    if (asked !== null) return asked;
    const mine: Promise<void> = answered(() => asked === mine).finally(() => {
      if (asked === mine) asked = null;
    });
    asked = mine;
    return mine;
  };
  const answered = async (isLast: () => boolean): Promise<void> => {
    const answer = await fetched();
    const session = answer?.ok ? await answer.json().catch(() => null) : null;
    if (!isLast()) return;
    if (session !== null) entered(session as Session);
    else if (answer?.status === 401) state$.next({ is: 'out', why: '' });
    else if (state$.value.is !== 'in') state$.next({ is: 'away' });
  };
  /** The views begin anew when they get another session: so one that says the same stays what it is. */
  const entered = (session: Session): void => {
    const { value } = state$;
    if (value.is === 'in' && JSON.stringify(value.session) === JSON.stringify(session)) return;
    state$.next({ is: 'in', session });
  };
  /** The cookie is another one: an answer to a question from before says nothing. */
  const askAnew = (): Promise<void> => {
    asked = null;
    return ask();
  };
  const tabs = new BroadcastChannel(CHANNEL);
  tabs.onmessage = () => void askAnew();
  const changed = (): Promise<void> => {
    tabs.postMessage(null);
    return askAnew();
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
      if (answer?.ok) await changed();
      else if (answer === null) state$.next({ is: 'away' });
      else state$.next({ is: 'out', why: await whyRefused(answer) });
    },
    async signOut() {
      const answer = await fetched({ method: 'DELETE' });
      if (!answer?.ok) return false;
      await changed();
      return true;
    },
  };
}

async function whyRefused(answer: Response): Promise<string> {
  if (answer.status === 401) return 'The server does not know this token.';
  const text = await answer.text().catch(() => '');
  return `The server did not take the token now: ${text.trim() || answer.status}.`;
}
