/**
 * An accepted socket that reads into slabs.
 *
 * Node reads into memory of the user's choice with the option `onread`, but only for sockets that the user made: a
 * server cannot pass it on. So this file makes a socket with that option, which takes over the handle of the accepted
 * one. `_handle` is not documented, though as old as Node. Where it is not as expected, the connection uses the
 * accepted socket as it is, which is slower and otherwise the same.
 */
import { Socket, type SocketConstructorOpts } from 'node:net';
import type { Gathering } from './gathering.ts';

interface WithHandle {
  _handle?: { readonly useUserBuffer?: unknown } | null;
}

/**
 * Makes a socket in place of an accepted and paused one, which must not be used any more; null when that is not
 * possible. Its bytes go to `gathering`, not to 'data'.
 */
export function slabSocket(accepted: Socket, gathering: Gathering): Socket | null {
  const holder = accepted as unknown as WithHandle;
  const handle = holder._handle;
  if (typeof handle?.useUserBuffer !== 'function') return null;
  holder._handle = null;
  const onread = {
    buffer: () => gathering.room(),
    callback: (count: number) => gathering.added(count),
  };
  return new Socket({ handle, allowHalfOpen: true, pauseOnCreate: true, onread } as SocketConstructorOpts);
}
