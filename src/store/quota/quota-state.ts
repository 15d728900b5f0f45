/** The state of a store with quotas: its rules, its numbers, and the uploads that its puts write to. */
import type { FileStore, Outcome, PutOptions } from '../contract.ts';
import { createKeyedLock, type KeyedLock } from '../keyed-lock.ts';
import { err, ok, type RefusedOutcome } from '../outcome.ts';
import { awaitOutcome, type Task } from '../task.ts';
import { createQuotaCounts, type QuotaCounts } from './counts.ts';
import { createQuotaLedger, type QuotaLedger } from './ledger.ts';

/**
 * How many bytes the files below a prefix may have together. `withQuotas` enforces it, and an access file may name
 * some.
 */
export interface Quota {
  /** The quota is for the names that start with this; '' for all of the store. */
  readonly prefix: string;
  /** The most bytes that their files may have together. */
  readonly bytes: number;
}

/** The calls of a store that quotas are about. */
export interface QuotaBase extends Pick<FileStore, 'put' | 'remove' | 'rename' | 'stat' | 'list'> {
  /** Bytes of the unfinished uploads. */
  unfinished(): { readonly bytes: number };
}

export interface QuotaState {
  readonly store: QuotaBase;
  /** Asked again for each put and rename. */
  readonly quotas: () => readonly Quota[];
  readonly ledger: QuotaLedger;
  /** Keeps the checks and changes of one name apart. */
  readonly lock: KeyedLock;
  readonly counts: QuotaCounts;
  /** The uploads that puts of this store write to, by key, with the bytes of each. */
  readonly activeUploads: Map<string, ActiveBytes>;
  /** The quotas as of the last time they were asked for. */
  readonly last: { rules: readonly Quota[] };
}

/** The bytes that a put has of an upload. */
export interface ActiveBytes {
  bytes: number;
}

export function createQuotaState(store: QuotaBase, quotas: () => readonly Quota[]): QuotaState {
  const ledger = createQuotaLedger();
  return {
    store,
    quotas,
    ledger,
    lock: createKeyedLock(),
    counts: createQuotaCounts(store, ledger),
    activeUploads: new Map(),
    last: { rules: [] },
  };
}

/** Asks for the quotas, and begins to count the prefixes that are new. */
export function refreshRules(state: QuotaState): void {
  const { ledger, counts, last } = state;
  const rules = state.quotas();
  if (rules === last.rules) return;
  last.rules = rules;
  for (const tally of ledger.setPrefixes(new Set(rules.map(({ prefix }) => prefix))))
    void counts.count(tally);
}

export const rulesFor = ({ last }: QuotaState, name: string): readonly Quota[] =>
  last.rules.filter(({ prefix }) => name.startsWith(prefix));

/** The bytes of the file of that name, 0 when there is none; an error when there can never be one. */
export function* currentSize({ store, ledger }: QuotaState, name: string): Task<Outcome<number>> {
  const known = ledger.sizeOf(name);
  if (known !== undefined) return ok(known);
  const stat = yield* awaitOutcome(store.stat(name));
  if (stat.ok) return ok(stat.value.size);
  const isFinal = stat.error.code === 'bad-filename' || stat.error.code === 'shutting-down';
  return isFinal ? stat : ok(0);
}

/** The error when a quota has less than `needed` bytes left; undefined when it has enough. */
export function quotaFault(
  state: QuotaState,
  { prefix, bytes }: Quota,
  needed: number,
  options: Partial<PutOptions> = {},
): RefusedOutcome | undefined {
  const tally = state.ledger.tallies.get(prefix);
  if (tally === undefined || needed <= 0) return undefined;
  const used = tally.used + tally.reserved + (prefix === '' ? storedUploadBytes(state, options) : 0);
  if (used + needed <= bytes) return undefined;
  const why = `of ${bytes} bytes ${used} are taken, and ${needed} more are needed`;
  return err('quota-exceeded', why, { quota: bytes, used, needed });
}

/**
 * Bytes of the unfinished uploads to which no put of this store writes, without the one that the put is about to resume.
 * The bytes of the others are reserved already.
 */
function storedUploadBytes(
  { store, activeUploads }: QuotaState,
  { upload, offset = 0 }: Partial<PutOptions>,
): number {
  let bytes = store.unfinished().bytes;
  for (const active of activeUploads.values()) bytes -= active.bytes;
  if (upload !== undefined && !activeUploads.has(upload)) bytes -= offset;
  return Math.max(0, bytes);
}
