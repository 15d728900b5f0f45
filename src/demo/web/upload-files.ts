/**
 * Uploading in a page of one's own: whatever is picked in an `<input type="file" multiple>` is sent, many files at once,
 * each goes on by itself where a broken connection left it, and the browser holds little of it in memory. `serve --web` takes
 * the WebSockets of pages of its own origin: put both behind one proxy.
 *
 *     uploadFiles(document.querySelector('input')!, `wss://${location.host}/frames`).subscribe({
 *       next: ({ file, event }) => console.log(file.name, event.type === 'stored' ? 'stored' : event.sent / event.total),
 *       error: (error) => console.error(error.message),
 *     });
 */
import { catchError, fromEvent, map, mergeMap, type Observable, of } from 'rxjs';
import { fromWebSocket } from 'sluice';
import { blobContent, createUploads, type Progress, type Uploaded } from 'sluice/client';

export interface FileEvent {
  readonly file: File;
  /** How far it is, that it is stored, or why it failed for good. */
  readonly event: Progress | Uploaded | { readonly type: 'failed'; readonly message: string };
}

export function uploadFiles(input: HTMLInputElement, url: string): Observable<FileEvent> {
  const connect = () => of(fromWebSocket(new WebSocket(url)));
  const uploads = createUploads({ connect, retries: Number.POSITIVE_INFINITY, sendWindow: 8 * 1024 * 1024 });
  const failed = ({ message }: Error) => of({ type: 'failed', message } as const);
  const sent$ = (file: File) => uploads.upload(file.name, blobContent(file)).pipe(catchError(failed));
  return fromEvent(input, 'change').pipe(
    mergeMap(() => [...(input.files ?? [])]),
    mergeMap((file) => sent$(file).pipe(map((event) => ({ file, event })))),
  );
}
