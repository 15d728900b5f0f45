/**
 * A React hook that uploads a file with progress, and goes on by itself where a broken connection left it.
 *
 *     const { state, upload, cancel } = useUpload('wss://files.example.org');
 *     return (
 *       <>
 *         <input type="file" onChange={({ target }) => target.files?.[0] && upload(target.files[0])} />
 *         {state.phase === 'sending' && <progress value={state.sent} max={state.total} onClick={cancel} />}
 *         {state.phase === 'failed' && <p role="alert">{state.message}</p>}
 *       </>
 *     );
 */
import { useCallback, useEffect, useRef, useState } from 'react';
import { of, type Subscription } from 'rxjs';
import { fromWebSocket } from 'sluice';
import { blobContent, createUploads, type Uploads } from 'sluice/client';

export type UploadState =
  | { readonly phase: 'idle' }
  | { readonly phase: 'sending'; readonly sent: number; readonly total: number }
  | { readonly phase: 'stored'; readonly filename: string; readonly size: number }
  | { readonly phase: 'failed'; readonly message: string };

export interface FileUpload {
  readonly state: UploadState;
  /** Uploads a file under its own name. One that is under way is given up. */
  readonly upload: (file: File) => void;
  /** Gives it up. The server keeps what has arrived for a later try. */
  readonly cancel: () => void;
}

const IDLE: UploadState = { phase: 'idle' };

export function useUpload(url: string): FileUpload {
  const [state, setState] = useState<UploadState>(IDLE);
  const uploads = useRef<Uploads | null>(null);
  const running = useRef<Subscription | null>(null);

  // Each mount has connections of its own, and each unmount drops them: strict mode mounts twice.
  useEffect(() => {
    const made = createUploads({ connect: () => of(fromWebSocket(new WebSocket(url))), retries: 5 });
    uploads.current = made;
    setState(IDLE);
    return () => {
      running.current?.unsubscribe();
      uploads.current = null;
      made.destroy();
    };
  }, [url]);

  const cancel = useCallback(() => {
    running.current?.unsubscribe();
    setState(IDLE);
  }, []);

  const upload = useCallback((file: File) => {
    running.current?.unsubscribe();
    setState({ phase: 'sending', sent: 0, total: file.size });
    running.current =
      uploads.current?.upload(file.name, blobContent(file)).subscribe({
        next: (event) =>
          setState(
            event.type === 'progress'
              ? { phase: 'sending', sent: event.sent, total: event.total }
              : { phase: 'stored', filename: event.filename, size: event.size },
          ),
        error: ({ message }: Error) => setState({ phase: 'failed', message }),
      }) ?? null;
  }, []);

  return { state, upload, cancel };
}
