/** Which view is shown, and what of it: behind the `#` of the address, so that going back and reloading do what is expected. */
import { distinctUntilChanged, fromEvent, map, type Observable, startWith } from 'rxjs';
import { type Route, routeOf } from './route-text.ts';

export const route$: Observable<Route> = fromEvent(globalThis, 'hashchange').pipe(
  startWith(null),
  map(() => routeOf(location.hash)),
  distinctUntilChanged((a, b) => a.view === b.view && a.place === b.place),
);
