/** Has the browser fetch files: it knows how to wait for them, and where they go. */
import { concatMap, from, type Observable, tap, timer } from 'rxjs';
import { addressOf, type Entry } from './entry.ts';

/** Browsers drop what is begun beyond ten downloads at once, and say nothing. So the next come a while later. */
const [AT_ONCE, BETWEEN_MS] = [5, 1_000];

/** Folders are left out. Completes when the last download has begun. */
export function downloadAll(entries: readonly Entry[]): Observable<unknown> {
  const files = entries.filter(({ type }) => type === 'file');
  const groups = Array.from({ length: Math.ceil(files.length / AT_ONCE) }, (_, i) =>
    files.slice(i * AT_ONCE, (i + 1) * AT_ONCE),
  );
  return from(groups).pipe(
    concatMap((group, i) => timer(i === 0 ? 0 : BETWEEN_MS).pipe(tap(() => group.forEach(download)))),
  );
}

function download({ path }: Entry): void {
  const link = document.createElement('a');
  link.href = addressOf(path);
  link.download = path.slice(path.lastIndexOf('/') + 1);
  link.click();
}
