/** What the disk stores of all workers share: uploads and quotas, in the process that started the workers. */
import type { Owned } from '../../../server/workers/owned.ts';
import type { Quota } from '../../../store/quota/quotas.ts';
import { createRootOwner } from '../../../store/shared/root-owner.ts';
import type { Settings } from '../../settings/table.ts';
import { allQuotas } from '../all-quotas.ts';

/**
 * Null with a store of many nodes: there every worker is a node, and the database owns what they share.
 *
 * @param quotas answers the quotas of tokens; null when there are none.
 */
export function ownRoot(
  settings: Settings,
  quotas: (() => readonly Quota[]) | null,
): (Owned & { readonly close: () => void }) | null {
  if (settings.store !== null) return null;
  const owner = createRootOwner({
    maxUploads: settings.maxUploads,
    quotas: allQuotas(settings, quotas) ?? undefined,
  });
  return {
    join: (seat) => {
      const { handlers, left } = owner.join(seat);
      return { handlers: { ...handlers, usage: owner.usage }, left };
    },
    close: owner.close,
  };
}
