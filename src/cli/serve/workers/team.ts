/**
 * The workers: starts them, gives each socket to one of them, replaces one that dies, and ends all of them.
 *
 * ```text
 *  start ──▶ all are ready ──▶ sockets are handed out ──▶ stop: all are told ──▶ all have ended
 *                 │                     │
 *                 │ one cannot open     │ one dies: what it held is given back, another takes its place
 *                 ▼                     ▼
 *             the command fails     its connections are broken, and nobody else's
 * ```
 */
import { asyncScheduler, type Observable, Subject, type Subscription } from 'rxjs';
import type { Owned } from '../../../server/workers/owned.ts';
import { createRestarts, type Restarts } from '../../../server/workers/restarts.ts';
import { createSpread, type Spread } from '../../../server/workers/spread.ts';
import { type ExitError, exitError } from '../../shared/exit-error.ts';
import { type ExitStatus, exitStatus } from '../../shared/exit-status.ts';
import type { ServerLog } from '../server-log.ts';
import { dismiss, type HandedSocket, handTo, isBehind, type Member, onTaken, startMember } from './member.ts';
import type { Order } from './order.ts';
import type { Listening } from './worker.ts';

/** Sockets that no worker has taken yet. Beyond it they are dropped, as the system does. */
const WAITING_MAX = 511;
/** Milliseconds in which what a process had sent when it ended is read. */
const LAST_WORDS_MS = 200;
/** Workers that may end before all have been ready once: then the command fails. */
const EARLY_ENDS_MAX = 5;

export interface TeamDeps {
  readonly size: number;
  /** How many places there will be. */
  readonly places: number;
  readonly order: Order;
  readonly owned: readonly Owned[];
  readonly log: ServerLog;
}

export interface Team {
  /** Starts all. Resolves when all can serve; rejects with an `ExitError` when one cannot. */
  readonly start: () => Promise<void>;
  readonly hand: (socket: HandedSocket) => void;
  /** Tells all workers, and those that come later, where a place is listened on. */
  readonly listening: (where: Listening) => void;
  /** The workers that can serve now. */
  readonly ready: () => readonly Member[];
  /** How many have ended that were to go on. */
  readonly ended: () => number;
  /** Emits the number of each worker that is gone. */
  readonly gone$: Observable<number>;
  /** Whether all places are listened on. */
  readonly isListening: () => boolean;
  readonly size: number;
  /**
   * Has all finish what runs. Resolves when all have ended, with how many connections were cut off. What has not ended in
   * time is killed.
   */
  readonly stop: (maxMs: number) => Promise<number>;
  /** Kills all, at once. */
  readonly kill: () => void;
}

interface TeamState extends Omit<TeamDeps, 'places'> {
  readonly members: Map<number, Member>;
  readonly restarts: Map<number, Restarts>;
  readonly spread: Spread<Member>;
  readonly waiting: HandedSocket[];
  readonly places: Listening[];
  readonly timers: Set<Subscription>;
  readonly started: { readonly resolve: () => void; readonly reject: (error: ExitError) => void };
  wasReady: boolean;
  isStopping: boolean;
  endedCount: number;
  cut: number;
  onEmpty: () => void;
  readonly gone$: Subject<number>;
}

export function createTeam(deps: TeamDeps): Team {
  let resolve!: () => void;
  let reject!: (error: ExitError) => void;
  const started = new Promise<void>((go, fail) => {
    [resolve, reject] = [go, fail];
  });
  const state: TeamState = {
    ...deps,
    members: new Map(),
    restarts: new Map(),
    spread: createSpread(isBehind),
    waiting: [],
    places: [],
    timers: new Set(),
    started: { resolve, reject },
    wasReady: false,
    isStopping: false,
    endedCount: 0,
    cut: 0,
    onEmpty: () => {},
    gone$: new Subject(),
  };
  const ready = () => [...state.members.values()].filter(({ isReady }) => isReady);
  return {
    gone$: state.gone$,
    size: deps.size,
    isListening: () => state.places.length >= deps.places,
    start: () => {
      for (let number = 1; number <= deps.size; number++) startOne(state, number);
      return started;
    },
    hand: (socket: HandedSocket) => hand(state, socket),
    listening: (where: Listening) => {
      state.places.push(where);
      for (const { calls } of ready()) calls.tell('listening', where);
    },
    ready,
    ended: () => state.endedCount,
    stop: (maxMs: number) => stop(state, maxMs),
    kill: () => {
      state.isStopping = true;
      for (const { worker } of state.members.values()) worker.process.kill('SIGKILL');
    },
  };
}

function startOne(state: TeamState, number: number): void {
  const { owned, order, log, members } = state;
  const member = startMember(number, owned, (self) => ({
    order: () => order,
    ready: () => onReady(state, self()),
    failed: ({ status, said }: { readonly status: ExitStatus; readonly said: string | null }) => {
      self().isDone = true;
      onFailed(state, self(), exitError(status, said));
    },
    done: (cut: number) => {
      self().isDone = true;
      state.cut += cut;
    },
    taken: (id: number) => onTaken(self(), id),
    over: () => state.spread.over(self()),
    log: log.lines,
  }));
  members.set(number, member);
  const gone = (how: string) => {
    if (members.get(number) !== member) return;
    members.delete(number);
    onGone(state, member, how);
  };
  member.worker.once('exit', (status, signal) => {
    member.isReady = false;
    state.spread.remove(member);
    const how = signal ?? `exit status ${status}`;
    afterLastWords(member, () => gone(how));
  });
  member.worker.on('error', (error) => {
    // It was never started: no end of it follows.
    if (member.worker.process.pid === undefined) gone(error.message);
  });
}

/** Waits until what a process that has ended had sent is read. With sockets on their way to it, Node may never say so. */
function afterLastWords({ worker }: Member, read: () => void): void {
  if (!worker.process.connected) return read();
  const late = setTimeout(read, LAST_WORDS_MS);
  worker.process.once('disconnect', () => {
    clearTimeout(late);
    read();
  });
}

function onReady(state: TeamState, member: Member): void {
  member.isReady = true;
  for (const where of state.places) member.calls.tell('listening', where);
  state.spread.add(member);
  if (state.isStopping) return member.calls.tell('shutdown');
  state.log.info(`worker ${member.number} is process ${member.worker.process.pid}`);
  for (const socket of state.waiting.splice(0)) hand(state, socket);
  if ([...state.members.values()].filter(({ isReady }) => isReady).length < state.size) return;
  state.wasReady = true;
  state.started.resolve();
}

function onFailed({ wasReady, started, log }: TeamState, { number }: Member, error: ExitError): void {
  if (!wasReady) return started.reject(error);
  log.error(`worker ${number} cannot serve: ${error.said ?? error.message}`);
}

function onGone(state: TeamState, member: Member, how: string): void {
  const { number } = member;
  for (const socket of dismiss(member)) hand(state, socket);
  state.gone$.next(number);
  if (state.isStopping) {
    if (!member.isDone) state.log.warn(`worker ${number} has ended before it was finished (${how})`);
    if (state.members.size === 0) state.onEmpty();
    return;
  }
  state.endedCount++;
  const restarts = state.restarts.get(number) ?? createRestarts();
  state.restarts.set(number, restarts);
  const delay = restarts.ended(performance.now() - member.startedAt);
  if (!state.wasReady && state.endedCount >= EARLY_ENDS_MAX) {
    const why = `the workers end before they serve (${how}): the lines before say why`;
    return state.started.reject(exitError(exitStatus.failed, why));
  }
  const when = delay === 0 ? 'now' : `in ${delay / 1000} s`;
  state.log.warn(`worker ${number} has ended (${how}): another one takes its place ${when}`);
  const timer = asyncScheduler.schedule(() => {
    state.timers.delete(timer);
    startOne(state, number);
  }, delay);
  state.timers.add(timer);
}

function hand(state: TeamState, socket: HandedSocket): void {
  if (untaken(state) >= WAITING_MAX) return socket.handle.close();
  const member = state.spread.pick();
  if (member !== undefined) {
    return handTo(member, socket, (back) => {
      // It is about to end, and gets nothing more.
      state.spread.remove(member);
      hand(state, back);
    });
  }
  if (state.isStopping) socket.handle.close();
  else state.waiting.push(socket);
}

function untaken({ waiting, members }: TeamState): number {
  let count = waiting.length;
  for (const { handing } of members.values()) count += handing.size;
  return count;
}

async function stop(state: TeamState, maxMs: number): Promise<number> {
  state.isStopping = true;
  for (const timer of state.timers) timer.unsubscribe();
  for (const { handle } of state.waiting.splice(0)) handle.close();
  if (state.members.size === 0) return state.cut;
  const empty = new Promise<void>((resolve) => {
    state.onEmpty = resolve;
  });
  const late = asyncScheduler.schedule(() => {
    for (const { worker } of state.members.values()) worker.process.kill('SIGKILL');
  }, maxMs);
  for (const { calls } of state.members.values()) calls.tell('shutdown');
  await empty;
  late.unsubscribe();
  return state.cut;
}
