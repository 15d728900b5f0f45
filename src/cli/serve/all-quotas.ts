/** The quotas of a server: of its tokens, and of all files together. */
import type { Quota } from '../../store/quota/quotas.ts';
import type { Settings } from '../settings/table.ts';

/**
 * Answers them all, each time anew; null when there can be none.
 *
 * @param quotas answers those of tokens.
 */
export function allQuotas(
  { quota }: Pick<Settings, 'quota'>,
  quotas: (() => readonly Quota[]) | null,
): (() => readonly Quota[]) | null {
  const overall = quota === Number.POSITIVE_INFINITY ? [] : [{ prefix: '', bytes: quota }];
  if (quotas === null && overall.length === 0) return null;
  let lastQuotas: readonly Quota[] = [];
  let all: readonly Quota[] = overall;
  return () => {
    const now = quotas?.() ?? lastQuotas;
    // An unchanged list is not joined again: there may be ten thousand tokens, and this runs for each file.
    if (now !== lastQuotas) [lastQuotas, all] = [now, [...overall, ...now]];
    return all;
  };
}
