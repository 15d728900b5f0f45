/**
 * What a server holds at the most, added up from its limits: the table that `test/e2e/bounds.test.ts` measures.
 *
 *   what                                       is bounded by
 *   received and not stored, parsed and not    the budget, and for each connection `CONNECTION_CREDIT_MAX`
 *   answered, read and not sent, replies
 *   and pages of names not taken
 *   headers that arrive                        their share of the budget, a place each; 8 KiB without one
 *   memory to receive into                     three small slabs a connection, large ones for 16 of them; what is kept of any
 *                                              other slab is half of it at the least, so that credit counts at least half
 *   connections                                `connections`, `connectionsPerAddress`; 64 that are told why not
 *   TLS handshakes                             a number of them; the oldest makes room
 *   files                                      one to send and one to store for each connection, and those shared
 *   folders of the store                       32 calls, three each, 16 that are kept, and 24 listings
 *   names of folders that are listed           40 MiB
 *   checksums                                  65,536, some 16 MiB
 *   recordings                                 32 files, 4 MiB that wait for the disk
 *   wrong tokens                               10,000 addresses
 *   the log, what metrics are asked            1 MiB of lines, 16 connections
 */

import { PAGE_BYTES_MAX } from '../files/session/commands/list.ts';
import { CREDIT_FLOOR_BYTES } from '../runtime/credit.ts';
import { PARTIAL_HEAD_COST_MAX, SHORT_PIECE_COST_MAX } from '../runtime/frame-reader.ts';
import { DESCRIPTORS_RESERVED, type Limits, splitBudget } from '../runtime/limits.ts';
import { LARGE_SLABS_BYTES_MAX, SMALL_SLAB_BYTES } from '../transport/socket/slabs.ts';

/** Credit that a connection may hold while the budget is used up: what it needs to go on. */
export const CONNECTION_CREDIT_MAX: number =
  // Received: what it may always hold, one piece more, the request whose body comes, and the beginning of a header.
  CREDIT_FLOOR_BYTES +
  SHORT_PIECE_COST_MAX +
  CREDIT_FLOOR_BYTES +
  PARTIAL_HEAD_COST_MAX +
  // To be sent: a piece of a file; a page of names, and the one before it.
  CREDIT_FLOOR_BYTES +
  CREDIT_FLOOR_BYTES +
  PAGE_BYTES_MAX;

/** Objects of a connection: those of the socket, the session, the queues, and the buffer for replies. */
const CONNECTION_OBJECTS_BYTES = 64 * 1024;
/** The small slab that is read into, one that waits to be looked at, and one of which little is kept. */
const SMALL_SLABS_EACH = 3;
/** What TLS takes of a connection, or of a handshake, besides. */
const TLS_BYTES = 64 * 1024;
/** Of the memory that something lies in, how much may be something else at the most: as much again. */
const SLACK = 2;
/** What is bounded by itself: names that are listed, checksums, recordings, addresses of wrong tokens, the log. */
const FIXED_BYTES = 80 * 1024 * 1024;

/** What there is of a server's connections; those beyond `limits.connections` are turned away. */
export interface Load {
  readonly connections: number;
  /** Whether they speak TLS. */
  readonly secure?: boolean;
  /** TLS handshakes that may be under way. */
  readonly handshakes?: number;
}

/** Bytes, and descriptors. */
export interface Bounds {
  /** Credit that is taken: what metrics and the status line call unsettled. */
  readonly unsettled: number;
  /** Memory, besides what the process takes before it has served anybody. */
  readonly memory: number;
  readonly descriptors: number;
}

/**
 * The most that a server with these limits holds, whatever its peers do.
 *
 * @example boundsOf(defaultLimits, { connections: 100 }).unsettled // 112 MiB, since 16 are for headers that arrive, and 100 times 153 KiB
 */
export function boundsOf(limits: Limits, { connections, secure = false, handshakes = 0 }: Load): Bounds {
  const { credit } = splitBudget(limits);
  const { reading, writing } = limits.openFiles;
  const each =
    SLACK * CONNECTION_CREDIT_MAX +
    SMALL_SLABS_EACH * SMALL_SLAB_BYTES +
    CONNECTION_OBJECTS_BYTES +
    (secure ? TLS_BYTES : 0);
  return {
    unsettled: credit.high + connections * CONNECTION_CREDIT_MAX,
    memory:
      SLACK * limits.budget.high +
      LARGE_SLABS_BYTES_MAX +
      FIXED_BYTES +
      connections * each +
      handshakes * TLS_BYTES,
    descriptors: DESCRIPTORS_RESERVED + 3 * connections + reading + writing + handshakes,
  };
}
