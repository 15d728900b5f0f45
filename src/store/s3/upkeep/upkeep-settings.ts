/** How often a node deletes what nobody needs, and says that it lives. It stands alone: the face names it, and needs no types of `pg`. */

export interface UpkeepSettings {
  /** Milliseconds between two rounds. */
  readonly everyMs: number;
  /** Milliseconds that garbage is kept at least. */
  readonly graceMs: number;
  /** Milliseconds after which an object that no row names is nobody's: more than any put may take to name it. */
  readonly orphanMs: number;
  /** Milliseconds between two signs of life of this node. */
  readonly heartbeatMs: number;
}

export const DEFAULT_UPKEEP: UpkeepSettings = {
  everyMs: 60_000,
  graceMs: 5 * 60_000,
  orphanMs: 24 * 60 * 60_000,
  heartbeatMs: 5_000,
};
