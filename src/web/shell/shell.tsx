/** The frame around the views: who is signed in, which view is shown, what has just happened. */
import { useEffect, useMemo, useState } from 'preact/hooks';
import { distinctUntilChanged, map, Subject } from 'rxjs';
import { FilesView } from '../files-view.tsx';
import { lazily } from './lazy.tsx';
import { may, type Page } from './page.ts';
import { createRequests } from './requests.ts';
import { route$ } from './route.ts';
import { hashOf, type Route, routeOf, type ViewName, views } from './route-text.ts';
import { createSessions, type SessionState } from './session.ts';
import { SignIn } from './sign-in.tsx';
import { useObservable } from './use-observable.ts';

const WatchView = lazily(() => import('../watch/view.tsx').then(({ WatchView: View }) => View));
const InspectView = lazily(() => import('../inspect/view.tsx').then(({ InspectView: View }) => View));

const TITLES: Readonly<Record<ViewName, string>> = { files: 'Files', watch: 'Watch', inspect: 'Inspect' };
/** Milliseconds that a notice is shown. */
const NOTICE_MS = 8_000;
/** Milliseconds after which a server that did not answer is asked again. */
const AGAIN_MS = 5_000;

export function Shell() {
  const sessions = useMemo(createSessions, []);
  const requests = useMemo(() => createRequests(() => void sessions.ask()), []);
  const changed$ = useMemo(() => new Subject<void>(), []);
  const [notice, say] = useState('');
  const state = useObservable<SessionState>(sessions.state$, sessions.state());
  const route = useObservable<Route>(route$, routeOf(location.hash));
  const place$ = useMemo(
    () =>
      route$.pipe(
        map(({ place }) => place),
        distinctUntilChanged(),
      ),
    [],
  );
  useEffect(() => {
    // A connection speaks for whoever it was made for.
    const changing = sessions.state$.subscribe(requests.end);
    void sessions.ask();
    return () => changing.unsubscribe();
  }, []);
  useEffect(() => {
    if (state.is !== 'away') return;
    const timer = setInterval(() => void sessions.ask(), AGAIN_MS);
    return () => clearInterval(timer);
  }, [state.is]);
  useEffect(() => {
    if (notice === '') return;
    const timer = setTimeout(() => say(''), NOTICE_MS);
    return () => clearTimeout(timer);
  }, [notice]);
  useEffect(() => {
    document.title = `${TITLES[route.view]} – Sluice`;
  }, [route.view]);
  const session = state.is === 'in' ? state.session : null;
  const page = useMemo<Page>(
    () => ({
      session,
      sessions,
      requests,
      place$,
      changed$,
      say,
      goTo: (place) => {
        location.hash = hashOf({ view: routeOf(location.hash).view, place });
      },
    }),
    [session],
  );
  const signOut = async (): Promise<void> => {
    if (!(await sessions.signOut())) say('The server does not answer: you are still signed in.');
  };
  const shown = views.filter((view) => view !== 'watch' || may(page, 'observe'));
  return (
    <>
      <button type="button" class="skip" onClick={focusMain}>
        To the content
      </button>
      <header class="bar">
        <h1>Sluice</h1>
        <nav aria-label="Views">
          {shown.map((view) => (
            <a key={view} href={`#/${view}/`} aria-current={view === route.view ? 'page' : undefined}>
              {TITLES[view]}
            </a>
          ))}
        </nav>
        {session !== null && !session.anonymous && (
          <p class="who">
            <span>{session.name}</span>
            <button type="button" onClick={() => void signOut()}>
              Sign out
            </button>
          </p>
        )}
      </header>
      <main id="main" tabIndex={-1}>
        <View state={state} page={page} view={route.view} />
      </main>
      <p class="notice" role="status" aria-live="polite" data-empty={notice === ''}>
        {notice}
      </p>
    </>
  );
}

function focusMain(): void {
  document.getElementById('main')?.focus();
}

function NoFiles({ page }: { readonly page: Page }) {
  return (
    <p class="hint centred">
      This token does not let you see or send files.{' '}
      {may(page, 'observe') && <a href="#/watch/">Watch the server</a>}
    </p>
  );
}

interface ViewProps {
  readonly state: SessionState;
  readonly page: Page;
  readonly view: ViewName;
}

function View({ state, page, view }: ViewProps) {
  if (view === 'inspect') return <InspectView page={page} />;
  switch (state.is) {
    case 'asking':
      return <p class="hint centred">Asking the server…</p>;
    case 'away':
      return (
        <p class="fault centred" role="alert">
          The server does not answer.{' '}
          <button type="button" onClick={() => void page.sessions.ask()}>
            Try again
          </button>
        </p>
      );
    case 'out':
      return <SignIn sessions={page.sessions} why={state.why} />;
    case 'in':
      if (view === 'files' && !may(page, 'read') && !may(page, 'write')) return <NoFiles page={page} />;
      if (view === 'files') return <FilesView page={page} />;
      if (may(page, 'observe')) return <WatchView page={page} />;
      return <p class="hint centred">Your token has no right to observe this server.</p>;
  }
}
