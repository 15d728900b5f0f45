/** The hook of `sluice serve` that decides whether a file is stored: a program, or a webhook. */
import { type Observable, Subject } from 'rxjs';
import { acceptByCommand } from '../../server/accept/accept-command.ts';
import { acceptByWebhook } from '../../server/accept/accept-webhook.ts';
import { type Accept, type AcceptCounts, withAccept } from '../../store/accept/with-accept.ts';
import type { FileStore } from '../../store/contract.ts';
import { workersOf } from '../settings/limits.ts';
import type { Settings } from '../settings/table.ts';
import { printable } from '../shared/format.ts';
import { secretsIn } from './webhook-secrets.ts';

export interface Deciding {
  readonly store: FileStore;
  readonly counts: () => AcceptCounts;
  /** Emits a line for each file without an answer. */
  readonly unanswered$: Observable<string>;
}

/** A store that asks, when there is somebody to ask. Throws an `ExitError` when the secrets cannot be read. */
export async function decidingStore(store: FileStore, settings: Settings): Promise<Deciding | null> {
  const hook = await hookOf(settings);
  if (hook === null) return null;
  const { acceptTimeout: timeout, acceptUnanswered: unanswered } = settings;
  // Of so many files all workers ask together.
  const atOnce = Math.max(1, Math.floor(settings.acceptAtOnce / workersOf(settings)));
  const unanswered$ = new Subject<string>();
  const then = unanswered === 'store' ? 'it was stored' : 'it was refused for now';
  const deciding = withAccept(store, hook.accept, {
    ...{ timeout, atOnce, unanswered },
    onUnanswered: ({ name }, { message }) =>
      unanswered$.next(`nobody has decided about ${printable(name)}, and ${then}: ${printable(message)}`),
  });
  const close = async () => {
    await deciding.close();
    hook.close();
  };
  return { store: { ...deciding, close }, counts: deciding.acceptCounts, unanswered$ };
}

interface Hook {
  readonly accept: Accept;
  readonly close: () => void;
}

async function hookOf(settings: Settings): Promise<Hook | null> {
  const { acceptCommand, acceptWebhook, acceptSecretFile, acceptTimeout } = settings;
  if (acceptCommand !== null)
    return { accept: acceptByCommand(acceptCommand, acceptTimeout), close: () => {} };
  if (acceptWebhook === null) return null;
  const secrets = acceptSecretFile === null ? [] : await secretsIn(acceptSecretFile);
  return acceptByWebhook(new URL(acceptWebhook), secrets);
}
