/**
 * The owner of what the disk stores of several processes on one root share. It opens no store of its own: it keeps the
 * keys of uploads and the numbers of quotas, and asks the processes for what is to be done on the disk.
 */
import type { CallHandlers, Calls } from '../../base/calls.ts';
import type { Outcome } from '../contract.ts';
import type { Checksum } from '../disk/checksums/checksum-cache.ts';
import type { Quota, QuotaUse } from '../quota/quotas.ts';
import { commonTime } from './added-names.ts';
import { REGISTRY_TIMES, type RegistryTimes } from './key-states.ts';
import { ask, type Member, type Members, memberGone } from './members.ts';
import type { AskedNames } from './messages.ts';
import { createQuotaOwner } from './quota-owner.ts';
import { createUploadRegistry } from './upload-registry.ts';

export interface RootOwnerOptions {
  /** The most unfinished uploads of all processes together; default 1,000. */
  readonly maxUploads?: number | undefined;
  /**
   * The quotas of all processes together, asked again for each put and rename; default none. With them each process puts
   * `sharedQuotas` around its store.
   */
  readonly quotas?: (() => readonly Quota[]) | undefined;
  /** Other times, for tests. */
  readonly times?: RegistryTimes;
}

export interface RootOwner {
  /** Called for each process that is to open a store on the root. */
  readonly join: (process: {
    /** Gives the calls to it. They are not asked for before it has asked something itself. */
    readonly calls: () => Calls;
  }) => JoinedProcess;
  /** The unfinished uploads of all processes: how many there are, and the bytes that have arrived of them. */
  unfinished(): { readonly count: number; readonly bytes: number };
  /** How much of each quota is used, in the order of the quotas. */
  usage(): readonly QuotaUse[];
  /** Ends what the owner does by itself. */
  close(): void;
}

/** A process, as its owner talks with it. */
export interface JoinedProcess {
  /** What the process may ask the owner. */
  readonly handlers: CallHandlers;
  /**
   * Called once when the process has ended and its channel is closed, not before both: what it had of uploads is then
   * given to others, and what it reserved is free again. A process whose channel is closed may still write.
   */
  readonly left: () => void;
}

export function createRootOwner({ maxUploads = 1000, quotas, times }: RootOwnerOptions = {}): RootOwner {
  const members = new Set<Member>();
  const uploads = createUploadRegistry(members, maxUploads, times ?? REGISTRY_TIMES);
  const startedAt = Date.now();
  /** When a process last ended, or closed its store: what it had published is not known any more. */
  let lastEnd = Number.NEGATIVE_INFINITY;
  const counted = quotas && createQuotaOwner(members, uploads, quotas);

  function join({ calls }: Parameters<RootOwner['join']>[0]): JoinedProcess {
    const member: Member = {
      calls,
      folder: undefined,
      isOpen: false,
      hasLeft: false,
      activeBytes: 0,
    };
    members.add(member);
    const handlers: CallHandlers = {
      'root.opened'(folder: string) {
        Object.assign(member, { folder, isOpen: true });
        uploads.opened();
        counted?.opened();
        return startedAt;
      },
      'root.closed'() {
        lastEnd = commonTime();
        Object.assign(member, { isOpen: false, activeBytes: 0 });
      },
      'root.sums': async (name: string) => {
        const answers = await askOthers<Checksum | null>(members, member, 'root.sum', name);
        return answers.flatMap((answer) => (answer.ok && answer.value !== null ? [answer.value] : []));
      },
      'root.othersAdded': (asked: AskedNames) =>
        lastEnd >= asked.since ? null : namesOfOthers(members, member, asked),
      ...uploads.handlersFor(member),
      ...counted?.handlersFor(member),
    };
    return {
      handlers: whileJoined(member, handlers),
      left() {
        if (member.hasLeft) return;
        if (member.isOpen) lastEnd = commonTime();
        Object.assign(member, { isOpen: false, hasLeft: true });
        members.delete(member);
        uploads.leave(member);
        counted?.leave(member);
      },
    };
  }

  return {
    join,
    unfinished: () => uploads.unfinished,
    usage: () => counted?.usage() ?? [],
    close: () => uploads.close(),
  };
}

/** What a process said before it ended may come after it was given up: then others have what it had. */
const whileJoined = (member: Member, handlers: CallHandlers): CallHandlers =>
  Object.fromEntries(
    Object.entries(handlers).map(([name, handle]) => [
      name,
      (argument: never) => (member.hasLeft ? memberGone() : handle(argument)),
    ]),
  );

/** Milliseconds for which a call waits for what others know and it can do without. */
const HINT_MS = 1000;

function askOthers<T>(
  members: Members,
  asker: Member,
  name: string,
  argument: unknown,
): Promise<readonly Outcome<T>[]> {
  const others = [...members].filter((member) => member !== asker && member.isOpen);
  return Promise.all(others.map((member) => ask<T>(member, name, argument, HINT_MS)));
}

/** The names that others have published, as far as each of them knows all of its own. */
async function namesOfOthers(
  members: Members,
  asker: Member,
  asked: AskedNames,
): Promise<readonly string[] | null> {
  const all: string[] = [];
  for (const answer of await askOthers<readonly string[] | null>(members, asker, 'root.added', asked)) {
    if (!answer.ok || answer.value === null) return null;
    all.push(...answer.value);
  }
  return all;
}
