/** Where the connections of `sluice serve` come from: all that the settings tell it to listen on, as one source. */
import { merge, type Observable } from 'rxjs';
import type { ListenEvent } from '../transport/listen.ts';
import { listenTcp } from '../transport/tcp.ts';
import type { Settings } from './settings-table.ts';

/** Emits `listening` for each; errors with the `ListenFault` of the first that cannot be listened on. */
export function listeners({ host, port }: Settings): Observable<ListenEvent> {
  const all: Observable<ListenEvent>[] = [];
  if (port !== null) all.push(listenTcp({ host, port }));
  return merge(...all);
}
