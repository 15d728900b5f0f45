/**
 * The uploads of a root, as the owner knows them: which process has a put that writes to one, whose call on one runs, and
 * which are stored.
 *
 * Calls on one key run one at a time, in the order in which they came. Before a call gets its key, the put of another
 * process has let the upload go, and what a process that died had of it is stored.
 */
import type { CallHandlers } from '../../base/calls.ts';
import type { Outcome } from '../contract.ts';
import type { CallPurpose } from '../disk/uploads/upload-keys.ts';
import { parseStoredFileName } from '../disk/uploads/upload-record.ts';
import { err, ok } from '../outcome.ts';
import { free, freeFor, rescue } from './free-key.ts';
import {
  change,
  countBut,
  type KeyState,
  keyState,
  noteChange,
  type RegistryState,
  type RegistryTimes,
  storedBytes,
  totals,
  type Waiter,
} from './key-states.ts';
import { keeperOf, type Member, type Members, memberGone } from './members.ts';
import type { Acquire, Granted, KeyCall, StoredUpload, Totals } from './messages.ts';

export interface UploadRegistry {
  /** What a member may ask and tell. */
  handlersFor(member: Member): CallHandlers;
  /** Called when the store of a member is open: it can save what dead ones have left. */
  opened(): void;
  /** Called when the process of a member has ended. */
  leave(member: Member): void;
  readonly unfinished: Totals;
  /** Bytes of the stored uploads, but for those of the keys. */
  storedBytes(without: (key: string) => boolean): number;
  close(): void;
}

export function createUploadRegistry(
  members: Members,
  maxUploads: number,
  times: RegistryTimes,
): UploadRegistry {
  const state: RegistryState = {
    members,
    maxUploads,
    times,
    keys: new Map(),
    rescues: new Map(),
    timer: undefined,
  };
  return {
    handlersFor: (member) => handlersFor(state, member),
    opened: () => opened(state),
    leave: (member) => leave(state, member),
    get unfinished() {
      return totals(state);
    },
    storedBytes: (without) => storedBytes(state, without),
    close: () => clearTimeout(state.timer),
  };
}

const handlersFor = (state: RegistryState, member: Member): CallHandlers => ({
  'root.acquire': (asked: Acquire) => acquire(state, member, asked),
  'root.release': (of: KeyCall) => release(state, member, of),
  'root.begun': (key: string) =>
    change(state, key, (own) => {
      own.writer = member;
    }),
  'root.ended': (key: string) =>
    change(state, key, (own) => {
      if (own.writer === member) free(own);
    }),
  'root.stored': (stored: StoredUpload) => {
    const record = parseStoredFileName(stored.file);
    if (record === undefined) return;
    change(state, record.key, (own) => {
      own.stored = { ...stored, bytes: record.length };
    });
  },
  'root.gone': (key: string) =>
    change(state, key, (own) => {
      own.stored = undefined;
    }),
  'root.active': (bytes: number) => {
    member.activeBytes = bytes;
    noteChange(state);
  },
  'root.storedKeys': () =>
    [...state.keys].flatMap(([key, { stored }]) => (stored === undefined ? [] : [key])),
  'root.isKeeper': () => keeperOf(state.members) === member,
});

function acquire(state: RegistryState, member: Member, asked: Acquire): Promise<Outcome<Granted>> {
  const { key, purpose, call } = asked;
  if (member.hasLeft) return Promise.resolve(memberGone());
  return new Promise((resolve) => {
    const own = keyState(state, key);
    const timer = setTimeout(() => {
      const at = own.waiting.indexOf(waiter);
      if (at >= 0) own.waiting.splice(at, 1);
      if (own.caller !== waiter) resolve(err('unavailable', 'another process is at this upload'));
    }, state.times.waitMs).unref();
    const answer = (outcome: Outcome<Granted>) => {
      clearTimeout(timer);
      resolve(outcome);
    };
    const waiter: Waiter = { member, purpose, call, answer };
    own.waiting.push(waiter);
    if (own.caller === undefined) void serveNext(state, key, own);
    else tellWanted(key, own);
  });
}

function release(state: RegistryState, member: Member, { key, call }: KeyCall): void {
  const own = state.keys.get(key);
  if (own?.caller?.member === member && own.caller.call === call) void serveNext(state, key, own);
}

/** Gives the key to the next call that can have it. */
async function serveNext(state: RegistryState, key: string, own: KeyState): Promise<void> {
  own.isGranted = false;
  own.isBeginning = false;
  for (own.caller = own.waiting.shift(); own.caller !== undefined; own.caller = own.waiting.shift()) {
    const { member, purpose, answer } = own.caller;
    const freed = await freeFor(state, key, own, member, purpose);
    if (member.hasLeft) answer(memberGone());
    else if (!freed.ok) answer(freed);
    else {
      grant(state, own, purpose, answer, freed.value);
      return tellWanted(key, own);
    }
  }
  change(state, key, () => {});
}

function grant(
  state: RegistryState,
  own: KeyState,
  purpose: CallPurpose,
  answer: Waiter['answer'],
  wasTaken: boolean,
): void {
  const { stored } = own;
  own.isGranted = true;
  const mayBegin = countBut(state, own) < state.maxUploads;
  own.isBeginning = purpose === 'put' && mayBegin;
  answer(ok({ wasTaken, mayBegin, stored: stored === undefined ? null : { ...stored } }));
}

/** Tells the call that has a key that another one waits: it gives up what takes long. */
function tellWanted(key: string, { caller, isGranted, waiting }: KeyState): void {
  if (caller === undefined || !isGranted || !waiting.some(({ purpose }) => purpose !== 'look')) return;
  caller.member.calls().tell('root.wanted', { key, call: caller.call } satisfies KeyCall);
}

function opened(state: RegistryState): void {
  const dead = new Set([...state.keys.values()].flatMap(({ leftBy }) => leftBy ?? []));
  for (const member of dead) void rescue(state, member);
  noteChange(state);
}

function leave(state: RegistryState, member: Member): void {
  const { keys } = state;
  for (const [key, own] of keys) {
    const isCaller = own.caller?.member === member && own.isGranted;
    if (own.writer !== member && !isCaller) continue;
    // Without a folder it never had a file.
    if (member.folder !== undefined) own.leftBy = member;
    if (own.writer === member) free(own);
    if (isCaller) void serveNext(state, key, own);
  }
  void rescue(state, member);
  noteChange(state);
}
