/** What the stores of all workers share: the process that started them owns it, and each worker asks it. */
import type { Owned } from '../../../server/workers/owned.ts';
import type { ChangeRecorder } from '../../../store/changes/change-log.ts';
import { ownChanges, remoteChanges } from '../../../store/changes/remote-changes.ts';
import type { Quota } from '../../../store/quota/quotas.ts';
import { createRootMember, type RootMember } from '../../../store/shared/root-member.ts';
import { createRootOwner } from '../../../store/shared/root-owner.ts';
import type { Settings } from '../../settings/table.ts';
import { allQuotas } from '../store.ts';
import { wantsEvents } from '../wanted-events.ts';
import type { WorkerLink } from './link.ts';

/** Nodes over a database share nothing else. */
export const sharesRoot = ({ store }: Settings): boolean => store === null;

/** This worker's part in the root of all; null where they share none. */
export function joinRoot(link: WorkerLink, settings: Settings): RootMember | null {
  if (!sharesRoot(settings)) return null;
  const member = createRootMember(() => link.calls);
  link.answer(member.handlers);
  return member;
}

/** The log of changes of all, as this worker has it; null where nobody wants to know of them. */
export const changesOf = ({ calls }: WorkerLink, settings: Settings): ChangeRecorder | null =>
  wantsEvents(settings) ? remoteChanges(calls) : null;

export interface OwnedStore {
  readonly owned: readonly Owned[];
  readonly close: () => void;
}

/**
 * What the workers share of the store.
 *
 * @param quotas those of tokens, asked again for each change.
 * @param changes the log of changes, where there is one.
 */
export function ownStore(
  settings: Settings,
  quotas: (() => readonly Quota[]) | null,
  changes: ChangeRecorder | null,
): OwnedStore {
  if (!sharesRoot(settings)) return { owned: [], close: () => {} };
  const { maxUploads } = settings;
  const all = allQuotas(settings, quotas);
  const root = createRootOwner({ maxUploads, ...(all && { quotas: all }) });
  return { owned: [root, ...(changes === null ? [] : [ownChanges(changes)])], close: root.close };
}
