/** A peer that speaks the wire by hand: what it sends is spelled out, what it gets is read as frames. */
import { filter, firstValueFrom, map, ReplaySubject, take, toArray } from 'rxjs';
import type { ServiceFault } from '../../../src/files/protocol/errors.ts';
import { replyFraming } from '../../../src/files/protocol/reply.ts';
import type { Connection, ConnectionFault } from '../../../src/transport/connection.ts';
import { connectTcp } from '../../../src/transport/socket/tcp.ts';
import { deframe } from '../../../src/wire/deframe/deframe.ts';
import type { FrameEvent } from '../../../src/wire/frame-event.ts';
import { encodeJsonHeader, type JsonHeader } from '../../../src/wire/json-header.ts';

/** A frame: the header's length, the header, the body. */
export function frame(header: JsonHeader, body: Uint8Array | string = ''): Uint8Array {
  const encoded = encodeJsonHeader(header);
  if (!encoded.ok) throw new Error(encoded.fault.message);
  return Buffer.concat([encoded.bytes, typeof body === 'string' ? Buffer.from(body) : body]);
}

/** A frame with any bytes where a header should be. */
export function rawFrame(header: Uint8Array | string, body: Uint8Array | string = ''): Uint8Array {
  const length = Buffer.alloc(4);
  length.writeInt32LE(Buffer.byteLength(header));
  return Buffer.concat([length, Buffer.from(header as string), Buffer.from(body as string)]);
}

export const putFrame = (filename: string, body: Uint8Array | string, more: JsonHeader = {}): Uint8Array =>
  frame({ cmd: 'put', filename, filesize: Buffer.byteLength(body), ...more }, body);

/** Sends all of it over a connection of its own, ends that side, and resolves with all replies. */
export async function converse(port: number, ...chunks: readonly Uint8Array[]): Promise<JsonHeader[]> {
  const connection = await firstValueFrom(connectTcp({ host: '127.0.0.1', port }));
  const { send, all, over } = peer(connection);
  void send(...chunks);
  connection.end();
  const replies = await all();
  await over;
  connection.destroy();
  return replies;
}

/** What became of each request, in a word: the command that was acknowledged, or the code of the error. */
export const outcomes = (replies: readonly JsonHeader[]): string[] =>
  replies.map(({ ack, error }) => String(ack ?? (error as ServiceFault).code));

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
    /** The replies, from the first ever. */
    headers$,
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
