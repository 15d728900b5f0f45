/**
 * How far a content may be sent ahead of what the server has reported as durable. It bounds what a connection may hold
 * unsent that does not say how much that is, as a browser's WebSocket may not.
 *
 *     0 ────────────── durable ──────────── read ─────── durable + window
 *                                            └─ allowed ─┘
 */
export interface SendWindow {
  /** The bytes that may be read from an offset on, at least 1; waits for the server's next report when there are none. */
  readonly allowed: (offset: number) => number | Promise<number>;
  /** The server has reported so much. */
  readonly durable: (offset: number) => void;
  /** There is no bound any more: what waits goes on at once. To be called at the end of the put, however it ends. */
  readonly open: () => void;
}

/**
 * @param windowBytes at least the distance of two reports: else the server would have nothing to report.
 * @param resumedFrom what the server has already.
 */
export function createSendWindow(windowBytes: number, resumedFrom: number): SendWindow {
  let end = resumedFrom + windowBytes;
  let wake: (() => void) | null = null;
  const moveTo = (next: number): void => {
    end = Math.max(end, next);
    wake?.();
    wake = null;
  };
  return {
    allowed: (offset) => {
      if (offset < end) return end - offset;
      return new Promise((resolve) => {
        wake = () => resolve(end - offset);
      });
    },
    durable: (offset) => moveTo(offset + windowBytes),
    open: () => moveTo(Number.POSITIVE_INFINITY),
  };
}
