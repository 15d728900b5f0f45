/** How long a server wants to be left alone. */

/** An hour: who answers more may be wrong about it, or be another one by then. */
const RETRY_AFTER_MAX_MS = 60 * 60 * 1000;

/**
 * Milliseconds of the header `Retry-After`, at most an hour; undefined when it says nothing.
 *
 * @param now milliseconds since 1970.
 */
export function retryAfterMs(header: string | undefined, now: number): number | undefined {
  if (header === undefined) return undefined;
  const ms = /^\d+$/.test(header) ? Number(header) * 1000 : Date.parse(header) - now;
  return ms > 0 ? Math.min(ms, RETRY_AFTER_MAX_MS) : undefined;
}
