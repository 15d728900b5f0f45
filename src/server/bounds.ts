/**
 * The most that a server holds, added up from its limits. `test/e2e/resilience/bounds.test.ts` measures this table.
 *
 *   what                                       is bounded by
 *   received and not stored, parsed and not    the budget, and for each connection `CONNECTION_CREDIT_MAX`
 *   answered, read and not sent, replies
 *   and pages of names that are not sent
 *   bodies of answers of own commands          the high mark of their connection, and one more; of commands that wait
 *                                              for something, one for each open request
 *   headers that arrive                        their share of the budget, a place each; 8 KiB without one
 *   memory to receive into                     three small slabs a connection, four large ones for 16 of them; of any other
 *                                              slab at least half is in use, so credit counts at least half of it
 *   memory to send from                        4 MiB that wait for the next piece of a file
 *   small files that a worker stores           64 of up to 64 KiB, and its thread
 *   connections                                `connections`, `connectionsPerAddress`; 64 that are being refused
 *   TLS handshakes                             a number of them; the oldest makes room
 *   files                                      one to send and one to store for each connection, and the shared ones
 *   folders of the store                       32 calls, three each, 16 that are cached, and 24 listings
 *   names of folders that are listed           40 MiB
 *   checksums                                  65,536, some 16 MiB
 *   recordings                                 32 files, 6 MiB that wait for the disk
 *   wrong tokens                               10,000 addresses
 *   sockets of the page without a WebSocket    as many as handshakes, and 16 requests of each
 *   messages of WebSockets that arrive         256 KiB for each connection
 *   the log, requests for metrics              1 MiB of lines, 16 connections
 */
import { readFileSync } from 'node:fs';
import { CREDIT_FLOOR_BYTES } from '../actor/bounds/credit.ts';
import { PARTIAL_COST_MAX } from '../actor/run/room.ts';
import { SHORT_STEP_COST_MAX } from '../actor/run/slices.ts';
import { SPARE_PIECES_BYTES_MAX } from '../files/effects/piece-memory.ts';
import { PAGE_BYTES_MAX } from '../files/session/commands/list.ts';
import { SMALL_FILES_BYTES_MAX } from '../store/disk/worker/slot-layout.ts';
import { LARGE_SLABS_BYTES_MAX, SMALL_SLAB_BYTES } from '../transport/socket/slabs.ts';
import { DESCRIPTORS_RESERVED, type ServerLimits, splitBudget } from './limits.ts';

/**
 * Credit for what a connection receives while the budget is used up: the floor that it may always hold, one more piece,
 * the request whose body is arriving (as an event, and in the state of the session), and a partial header.
 */
export const RECEIVED_CREDIT_MAX: number =
  CREDIT_FLOOR_BYTES + SHORT_STEP_COST_MAX + 2 * CREDIT_FLOOR_BYTES + PARTIAL_COST_MAX;

/** Credit that a connection may hold while the budget is used up, so that it can continue. */
export const CONNECTION_CREDIT_MAX: number =
  RECEIVED_CREDIT_MAX +
  // To be sent: a piece of a file; a page of names, and the one before it.
  CREDIT_FLOOR_BYTES +
  CREDIT_FLOOR_BYTES +
  PAGE_BYTES_MAX;

/** Objects of a connection: the socket, the session, the queues, and the buffer for replies. */
const CONNECTION_OBJECTS_BYTES = 64 * 1024;
/**
 * The slab that the socket reads into, one that waits to be parsed, and one of which a small piece is still
 * in use.
 */
const SMALL_SLABS_EACH = 3;
/** Memory that TLS takes for a connection or a handshake. */
const TLS_BYTES = 64 * 1024;
/** At most half of a slab may hold something else, so the memory is at most twice the bytes in use. */
const SLACK_FACTOR = 2;
/**
 * The sum of the parts that have bounds of their own: names of listings, checksums, recordings, addresses of
 * wrong tokens, the log.
 */
const FIXED_BYTES = 80 * 1024 * 1024;

/** The connections of a server; those beyond `limits.connections` are refused. */
export interface Load {
  readonly connections: number;
  /** Whether they use TLS. */
  readonly secure?: boolean;
  /** TLS handshakes that may be under way. */
  readonly handshakes?: number;
}

/** Bytes, and descriptors. */
export interface Bounds {
  /** Credit that is charged: metrics and the status line call it unsettled. */
  readonly unsettled: number;
  /** Memory in addition to what the process takes before it serves the first peer. */
  readonly memory: number;
  readonly descriptors: number;
}

/**
 * The most that a server with these limits holds, whatever its peers do.
 *
 * @example
 * // 112 MiB, since 16 are for headers that arrive, and 100 times 153 KiB
 * boundsOf(defaultLimits, { connections: 100 }).unsettled
 */
export function boundsOf(
  limits: ServerLimits,
  { connections, secure = false, handshakes = 0 }: Load,
): Bounds {
  const { credit } = splitBudget(limits);
  const { reading, writing } = limits.openFiles;
  const perConnection =
    SLACK_FACTOR * CONNECTION_CREDIT_MAX +
    SMALL_SLABS_EACH * SMALL_SLAB_BYTES +
    CONNECTION_OBJECTS_BYTES +
    (secure ? TLS_BYTES : 0);
  return {
    unsettled: credit.high + connections * CONNECTION_CREDIT_MAX,
    memory:
      SLACK_FACTOR * limits.budget.high +
      LARGE_SLABS_BYTES_MAX +
      SPARE_PIECES_BYTES_MAX +
      SMALL_FILES_BYTES_MAX +
      FIXED_BYTES +
      connections * perConnection +
      handshakes * TLS_BYTES,
    descriptors: DESCRIPTORS_RESERVED + 3 * connections + reading + writing + handshakes,
  };
}

/** The descriptors that this process may open, by its soft limit, where the system reports it; else `Infinity`. */
export function openFileLimit(): number {
  try {
    const limits = readFileSync('/proc/self/limits', 'utf8');
    const soft = /^Max open files\s+(\d+)/m.exec(limits)?.[1];
    return soft === undefined ? Number.POSITIVE_INFINITY : Number(soft);
  } catch {
    return Number.POSITIVE_INFINITY;
  }
}
