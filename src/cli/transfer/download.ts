/**
 * Fetches files, with many requests before their answers, and reports the result of each.
 *
 * The downloads themselves try again when a connection breaks. When they give the server up, this does too.
 */
import { type FetchDeps, fetchFile } from './fetch-file.ts';
import { createHeldBytes } from './held-bytes.ts';
import type { Transfer } from './report/report.ts';
import { createTally, resultOf, type TransferResult, toBegin } from './tally.ts';
import { workLazily } from './work-lazily.ts';

/** Files asked for at once on each connection, and so descriptors open. */
export const FILES_AT_ONCE = 64;

export interface DownloadDeps extends FetchDeps {
  /** Files asked for at once. */
  readonly concurrency: number;
  /** Whether no further file is wanted. */
  readonly isUnwanted: () => boolean;
}

export async function download(transfers: readonly Transfer[], deps: DownloadDeps): Promise<TransferResult> {
  const tally = createTally(transfers);
  const held = createHeldBytes();
  await workLazily(
    toBegin(tally, deps.isUnwanted),
    (transfer, { ended }) => fetchFile(transfer, deps, { tally, held, ended }),
    deps.concurrency,
  );
  return resultOf(tally);
}
