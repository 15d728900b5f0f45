/**
 * Remembers the requests of one recorded connection that have no reply yet, so that the comment on a refusal can name
 * its request.
 *
 * Replies come in the order of the requests, and name the command that they answer. At most 65,536 requests are
 * remembered. When a peer has more of them open, refusals are no longer matched.
 */

export interface RecordedRequest {
  /** From 1, in the order of the connection. */
  readonly number: number;
  /** As the reply will name it; null when the header has none. */
  readonly cmd: string | null;
  /** The offset in the stream, in bytes, of its header's first byte. */
  readonly position: number;
  /** The number of the packet with that byte; 0 while it is not written. */
  packet: number;
}

export interface RecordedRequests {
  readonly opened: (cmd: string | null, position: number) => void;
  /** Everything before this offset in the stream is written, the last of it in this packet. */
  readonly written: (upTo: number, packet: number) => void;
  /** The request that a reply which names this command answers; null when it answers none. */
  readonly answered: (cmd: string | null) => RecordedRequest | null;
}

const OPEN_REQUESTS_MAX = 65_536;
/** Those answered are taken off the front of the list when they are so many, and half of it. */
const COMPACT_MIN = 256;

export function createRecordedRequests(): RecordedRequests {
  let requests: RecordedRequest[] = [];
  /** Where in the list the oldest one is that is not answered, and the oldest that is not written. */
  let [first, unwritten] = [0, 0];
  let number = 0;
  let matching = true;

  function compact(): void {
    if (first < COMPACT_MIN || first * 2 < requests.length) return;
    requests = requests.slice(first);
    unwritten = Math.max(0, unwritten - first);
    first = 0;
  }

  return {
    opened(cmd, position) {
      number++;
      if (!matching) return;
      if (requests.length - first >= OPEN_REQUESTS_MAX) {
        matching = false;
        requests = [];
        [first, unwritten] = [0, 0];
      } else requests.push({ number, cmd, position, packet: 0 });
    },
    written(upTo, packet) {
      for (; unwritten < requests.length; unwritten++) {
        const request = requests[unwritten]!;
        if (request.position >= upTo) return;
        request.packet = packet;
      }
    },
    answered(cmd) {
      const request = requests[first];
      if (request === undefined || request.cmd !== cmd) return null;
      first++;
      unwritten = Math.max(unwritten, first);
      compact();
      return request;
    },
  };
}
