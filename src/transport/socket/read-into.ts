/**
 * Has a TLS socket decrypt into memory of our choice.
 *
 * Otherwise Node makes a new buffer of up to 16 KiB for each record, and at full speed the garbage collector then works
 * as much as the cipher. Node has what is needed as the option `onread`, but only for sockets that the user connects. So
 * this file sets on the socket what the option would. None of it is documented. Where it is not as expected, the socket
 * emits 'data' as ever.
 */
import { Socket, type SocketConstructorOpts } from 'node:net';
import type { Gathering } from './gathering.ts';

/** The symbols under which Node keeps the parts of `onread`, by their descriptions. */
type Keys = Readonly<Record<'kBuffer' | 'kBufferCb' | 'kBufferGen', symbol>>;

interface WithHandle {
  readonly _handle?: { readonly useUserBuffer?: (buffer: Uint8Array) => void } | null;
}

let keys: Keys | null | undefined;

/** Asks a socket that was made with the option. */
function findKeys(): Keys | null {
  const onread = { buffer: () => new Uint8Array(1), callback: () => true };
  const symbols = Object.getOwnPropertySymbols(new Socket({ onread } as SocketConstructorOpts));
  const named = (description: string) => symbols.find((symbol) => symbol.description === description);
  const [kBuffer, kBufferCb, kBufferGen] = [named('kBuffer'), named('kBufferCb'), named('kBufferGen')];
  return kBuffer && kBufferCb && kBufferGen ? { kBuffer, kBufferCb, kBufferGen } : null;
}

/** From now on the socket's bytes go to `gathering`, and not to 'data'. What it has received before is still emitted. */
export function readInto(socket: Socket, gathering: Gathering): void {
  keys ??= findKeys();
  const handle = (socket as unknown as WithHandle)._handle;
  if (keys === null || typeof handle?.useUserBuffer !== 'function') return;
  const room = () => gathering.room();
  const buffer = room();
  const onread = {
    [keys.kBuffer]: buffer,
    [keys.kBufferCb]: (count: number) => gathering.added(count),
    [keys.kBufferGen]: room,
  };
  Object.assign(socket, onread);
  handle.useUserBuffer(buffer);
  // Of a socket with such a buffer it stops the reading. Before, it only held back what is emitted.
  if (socket.isPaused()) socket.pause();
}
