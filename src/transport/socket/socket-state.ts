/** The state of a connection over a node socket. */
import type { Socket } from 'node:net';
import { AsyncSubject } from 'rxjs';
import { EMPTY_SET, type LazySet } from '../../base/lazy-set.ts';
import { type ChunkReader, createChunkReader } from '../chunk-reader.ts';
import type { ConnectionFault } from '../connection.ts';
import type { Gathering } from './gathering.ts';
import type { Slabs } from './slabs.ts';

export interface SocketState {
  /** The socket. It is replaced once, before anything happens, where the connection reads into slabs. */
  socket: Socket;
  /** The socket that carries this one, as TCP carries TLS. */
  readonly below: Socket | undefined;
  /** The memory that the socket reads into; null when node allocates it. */
  readonly slabs: Slabs | null;
  /** Joins the pieces that come into slabs; null where there are none. */
  gathering: Gathering | null;
  readonly faultOf: (error: unknown) => ConnectionFault;
  readonly reader: ChunkReader;
  readonly closed$: AsyncSubject<ConnectionFault | null>;
  /** The writes that have not settled. Bounded by the writer, as the contract demands. */
  unsettled: LazySet<(fault?: ConnectionFault) => void>;
  /** Sends the writes of a turn. Made once, at the first write, so that a turn costs no closure. */
  uncork: (() => void) | null;
  /** Whether `uncork` is due in this turn. */
  isCorked: boolean;
  /** Whether the last read was so large that more is likely to be read in this turn. */
  hasMore: boolean;
  /** Whether our `destroy` was called. */
  isDestroyed: boolean;
  /** Why nothing more can be written: our `end()` or `destroy()`, or a failed write. */
  writeEnd: ConnectionFault | undefined;
  /** The fault of a failed write. Reading goes on: the bytes that the kernel had received are still delivered. */
  writeFault: ConnectionFault | undefined;
  /** How reading ends when the system reports the end of the input: null in good order. */
  inputEnd: ConnectionFault | null;
}

export function createSocketState(
  socket: Socket,
  below: Socket | undefined,
  slabs: Slabs | null,
  faultOf: (error: unknown) => ConnectionFault,
): SocketState {
  return {
    socket,
    below,
    slabs,
    gathering: null,
    faultOf,
    reader: createChunkReader(),
    closed$: new AsyncSubject(),
    unsettled: EMPTY_SET,
    uncork: null,
    isCorked: false,
    hasMore: false,
    isDestroyed: false,
    writeEnd: undefined,
    writeFault: undefined,
    inputEnd: null,
  };
}
