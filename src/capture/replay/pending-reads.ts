/**
 * Whether a replay waits for its file. To virtual time, which cannot see what the system is asked for, that looks as
 * if nothing was left to be done.
 */

let pendingReads = 0;

export const hasPendingReads = (): boolean => pendingReads > 0;

/** The same batches, noted while they are waited for. */
export async function* countReads<T>(source: AsyncIterable<T>): AsyncGenerator<T, void, undefined> {
  const batches = source[Symbol.asyncIterator]();
  const next = async (): Promise<IteratorResult<T>> => {
    pendingReads++;
    try {
      return await batches.next();
    } finally {
      pendingReads--;
    }
  };
  try {
    for (let batch = await next(); !batch.done; batch = await next()) yield batch.value;
  } finally {
    await batches.return?.();
  }
}
