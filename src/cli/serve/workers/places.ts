/** The places that `sluice serve --workers` listens on, in the process that hands their sockets to the workers. */
import { map, merge, type Observable } from 'rxjs';
import { type AcceptEvent, acceptHandles } from '../../../transport/hand-over.ts';
import { atUnixPath } from '../../../transport/unix/unix.ts';
import type { Settings } from '../../settings/table.ts';
import type { PlaceName } from '../listeners.ts';

export interface PlaceEvent {
  readonly place: PlaceName;
  readonly event: AcceptEvent;
}

/** As `listeners` of a server that listens itself: errors with the `ListenError` of the first that cannot be listened on. */
export function placesOf({ host, port, unix, unixMode, web }: Settings): Observable<PlaceEvent> {
  const at = (place: PlaceName, events$: Observable<AcceptEvent>) =>
    events$.pipe(map((event): PlaceEvent => ({ place, event })));
  return merge(
    ...(port === null ? [] : [at('port', acceptHandles({ host, port }))]),
    ...(unix === null ? [] : [at('unix', atUnixPath({ path: unix, mode: unixMode }, acceptHandles))]),
    ...(web === null ? [] : [at('page', acceptHandles({ host: web.host, port: web.port }))]),
  );
}

/** How many places there are. */
export const placeCount = ({ port, unix, web }: Settings): number =>
  [port, unix, web].filter((place) => place !== null).length;
