/** The state of both engines, as this node sees it. */
export interface EnginesStatus {
  /** The database: connections, those in use, and calls that wait for one. */
  readonly postgresql: {
    readonly connections: number;
    readonly busy: number;
    readonly waiting: number;
    /** Whether it answered when it was last asked, also by a heartbeat; null before the first time. */
    readonly isUp: boolean | null;
    /** Milliseconds of the last statement; null before the first. */
    readonly latencyMs: number | null;
  };
  /** The S3 store: connections, and requests that wait for one. */
  readonly s3: {
    readonly connections: number;
    readonly waiting: number;
    /** Whether it answered the last request, and not with a fault of its own (5xx); null before the first. */
    readonly isUp: boolean | null;
    /** Milliseconds until the last request was answered; null before the first. */
    readonly latencyMs: number | null;
    /** Requests by method, since the store was opened. */
    readonly requests: Readonly<Record<'PUT' | 'GET' | 'DELETE' | 'LIST', number>>;
  };
  /** Bytes of memory of the segments under way. */
  readonly memoryBytes: number;
  /** Contents that wait to be deleted, as the node that deletes them knows; null on others. */
  readonly garbage: number | null;
}
