/** A peer that speaks the wire by hand: what it sends is spelled out, what it gets is read as frames. */
import { filter, firstValueFrom, map, ReplaySubject, take, toArray } from 'rxjs';
import { replyFraming } from '../../src/protocol/reply.ts';
import type { Connection, ConnectionFault } from '../../src/transport/connection.ts';
import { deframe } from '../../src/wire/deframe.ts';
import type { FrameEvent } from '../../src/wire/frame-event.ts';
import { encodeJsonHeader, type JsonHeader } from '../../src/wire/json-header.ts';

/** A frame: the header's length, the header, the body. */
export function frame(header: JsonHeader, body: Uint8Array | string = ''): Uint8Array {
  const encoded = encodeJsonHeader(header);
  if (!encoded.ok) throw new Error(encoded.fault.message);
  return Buffer.concat([encoded.bytes, typeof body === 'string' ? Buffer.from(body) : body]);
}

export const putFrame = (filename: string, body: Uint8Array | string, more: JsonHeader = {}): Uint8Array =>
  frame({ cmd: 'put', filename, filesize: Buffer.byteLength(body), ...more }, body);

export function peer(connection: Connection) {
  const frames$ = new ReplaySubject<FrameEvent<JsonHeader>>();
  let fault: ConnectionFault | null = null;
  const over = new Promise<void>((resolve) => {
    connection.chunks$.pipe(deframe(replyFraming())).subscribe({
      next: (event) => frames$.next(event),
      complete: () => {
        frames$.complete();
        resolve();
      },
      error: (error: ConnectionFault) => {
        fault = error;
        frames$.complete();
        resolve();
      },
    });
  });
  const headers$ = frames$.pipe(
    filter((event) => event.type === 'start'),
    map((event) => event.header),
  );
  return {
    connection,
    /** Resolves with the fault of the connection, when it is over. */
    over: over.then(() => fault),
    send: (...chunks: readonly Uint8Array[]): Promise<ConnectionFault | null> =>
      new Promise((resolve) => connection.write(chunks, (failed) => resolve(failed ?? null))),
    /** The first so many replies, from the first ever. */
    replies: (count: number): Promise<JsonHeader[]> => firstValueFrom(headers$.pipe(take(count), toArray())),
    /** All replies, once the other side has ended. */
    all: (): Promise<JsonHeader[]> => firstValueFrom(headers$.pipe(toArray())),
    /** The body bytes of all replies, once the other side has ended. */
    bodies: (): Promise<Buffer> =>
      firstValueFrom(
        frames$.pipe(
          toArray(),
          map((events) =>
            Buffer.concat(events.flatMap((event) => (event.type === 'data' ? [event.bytes] : []))),
          ),
        ),
      ),
  };
}
