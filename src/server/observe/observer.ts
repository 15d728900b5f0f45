/**
 * Watches a server for the pages that ask: counts its events, reads its numbers once a second, and while a page watches
 * looks at a few of its connections.
 *
 * ```text
 *  events$ ──▶ counts ─────┐
 *  stats ──▶ points ───────┼──every second──▶ sample ──▶ line ──▶ the mailbox of each page (dropOldest)
 *  store facts ────────────┘
 *  registry ──▶ table ──────every second, ──▶ connections ──▶ line ──▶ the same
 *                           in a pass every 100 ms
 * ```
 */
import { asyncScheduler, type SchedulerLike, Subject, type Subscription } from 'rxjs';
import { serveActors } from '../../actor/serve-actors.ts';
import { version } from '../../files/protocol/version.ts';
import type { ShownWorker, Unfinished, WatchMessage } from '../../files/protocol/watching.ts';
import { commands as builtIn } from '../../files/session/dispatch.ts';
import type { SessionState } from '../../files/session/state.ts';
import type { Connection } from '../../transport/connection.ts';
import type { ListenEvent } from '../../transport/listen-event.ts';
import { createLoopDelayMeter } from '../metrics/loop-delay.ts';
import type { ServerStats } from '../status.ts';
import { beginPart, countEvent, createEventCounts, latenciesOf, outcomesOf } from './event-counts.ts';
import { createPoints } from './points.ts';
import { type ConnectionRegistry, createConnectionRegistry } from './registry.ts';
import { createStoreFacts, type StoreFactsOptions } from './store-facts.ts';
import { type ConnectionTable, createConnectionTable } from './table.ts';
import { WATCH_LIMITS, type Watcher, watchActor } from './watch-actor.ts';

/** Milliseconds between two samples, and between two messages of a pass over all connections. */
export const [SAMPLE_MS, PASS_MS] = [1000, 100];
/** Samples in a part of the minute over which latencies are taken, and between two looks at the store. */
const [SAMPLES_A_PART, SAMPLES_A_LOOK] = [10, 5];

export interface ObserverOptions extends StoreFactsOptions {
  /** Read once a second. */
  readonly stats: () => ServerStats;
  /** What bounds the server: connections at once, and bytes of memory for them. */
  readonly limits: { readonly connections: number; readonly memory: number };
  readonly unfinished?: (() => Unfinished) | undefined;
  /** Which process of the server this is, if it has several. */
  readonly worker?: ShownWorker | undefined;
  /** The commands that are told apart; default all of Sluice's own. */
  readonly commands?: readonly { readonly cmd: string }[];
  readonly onInternalError?: (thrown: unknown) => void;
  readonly scheduler?: SchedulerLike;
}

export interface Observer {
  /** For `serveObserved`. */
  readonly registry: ConnectionRegistry;
  /**
   * Serves a page, and owns its connection. `mayWatch` is asked once a second; when it answers no, the page is told so,
   * and its connection ends. Default it may.
   */
  readonly watch: (connection: Connection, mayWatch?: () => boolean) => void;
  /** How many connections were looked at for pages, ever. */
  readonly looks: () => number;
  /** Ends the pages' connections, and counts no more. */
  readonly stop: () => void;
}

const lineOf = (message: WatchMessage): string => JSON.stringify(message);
const NOT_ALLOWED = lineOf({ type: 'refused', why: "the right 'observe' was taken away" });
const TOO_MANY = lineOf({ type: 'refused', why: 'too many pages watch this server' });

export function createObserver(options: ObserverOptions): Observer {
  const { scheduler = asyncScheduler, onInternalError = () => {}, events$, shutdown$ } = options;
  const registry = createConnectionRegistry();
  const counts = createEventCounts(options.commands ?? builtIn);
  const meter = createLoopDelayMeter();
  const points = createPoints({ stats: options.stats, counts, meter, now: () => scheduler.now() });
  const facts = createStoreFacts(options);
  const began = Date.now();
  const watchers = new Map<string, Watcher>();
  const allowed = new Map<string, () => boolean>();
  /** The pages that have missed a line and taken none since. */
  const behind = new Set<string>();
  let isPassDue = false;
  const pages$ = new Subject<ListenEvent>();
  const running: Subscription[] = [];
  let table: ConnectionTable | null = null;
  let passing: Subscription | null = null;
  let looks = 0;
  let samples = 0;
  let refusalsSaid = 0;

  const nameOf = (id: string): string | null => {
    const state = registry.connections.get(id)?.run?.state as SessionState | undefined;
    return state?.principal?.name ?? null;
  };

  function join(watcher: Watcher): void {
    if (watchers.size === 0) {
      facts.refresh();
      refusalsSaid = counts.refusalsEver;
    }
    table ??= createConnectionTable(registry);
    beginPass();
    watchers.set(watcher.id, watcher);
    const { connections, memory } = options.limits;
    const { worker } = options;
    const opening: WatchMessage = {
      type: 'opening',
      version,
      since: began,
      limits: { connections: Number.isFinite(connections) ? connections : null, memory },
      ...(worker !== undefined && { worker }),
      history: points.last(),
      refusals: counts.refusals,
    };
    void watcher.mailbox.post({ line: lineOf(opening) });
  }

  function leave(id: string): void {
    behind.delete(id);
    if (!watchers.delete(id) || watchers.size > 0 || table === null) return;
    table.stop();
    looks += table.looks();
    table = null;
  }

  /** Looks at all connections, a few at a time. */
  function beginPass(): void {
    table?.beginPass();
    passing ??= scheduler.schedule(function next() {
      sayConnections();
      if (table?.isPassing()) this.schedule(undefined, PASS_MS);
      else passing = null;
    }, PASS_MS);
  }

  /** Says it to every page. One that has missed a line needs the whole table again, once it reads. */
  function say(message: WatchMessage): void {
    const input = { line: lineOf(message) };
    for (const { id, mailbox } of watchers.values())
      void mailbox.post(input).then((posted) => {
        if (posted === 'dropped') behind.add(id);
        else if (posted === 'taken' && behind.delete(id)) isPassDue = true;
      });
  }

  function sample(): void {
    const point = points.take();
    samples++;
    if (samples % SAMPLES_A_PART === 0) beginPart(counts);
    if (watchers.size === 0) return;
    for (const [id, mayWatch] of allowed)
      if (!mayWatch()) void watchers.get(id)?.mailbox.post({ line: NOT_ALLOWED, isLast: true });
    if (samples % SAMPLES_A_LOOK === 0) {
      facts.refresh();
      // Not more often: a page that is always slow must not cost all others.
      if (isPassDue) beginPass();
      isPassDue = false;
    }
    const fresh = counts.refusalsEver - refusalsSaid;
    refusalsSaid = counts.refusalsEver;
    const sinks = facts.sinks();
    say({
      type: 'sample',
      point,
      outcomes: outcomesOf(counts),
      latencies: latenciesOf(counts),
      unfinished: options.unfinished?.() ?? null,
      health: facts.health(),
      quotas: facts.quotas(),
      ...(sinks && { sinks }),
      refusals: fresh === 0 ? [] : counts.refusals.slice(-fresh),
    });
    if (table?.isPassing() === false) sayConnections();
  }

  function sayConnections(): void {
    const message = table?.take(scheduler.now()) ?? null;
    if (message !== null) say(message);
  }

  const actor = watchActor(join, leave);
  const refusal = () => TOO_MANY;
  running.push(
    events$.subscribe({ next: (event) => countEvent(counts, event, nameOf), error: () => {} }),
    serveActors({ connections$: pages$, actor, limits: WATCH_LIMITS, shutdown$, refusal }).subscribe(
      (event) => {
        if (event.type === 'internal-error') onInternalError(event.thrown);
      },
    ),
    scheduler.schedule(function next() {
      sample();
      this.schedule(undefined, SAMPLE_MS);
    }, SAMPLE_MS),
  );
  return {
    registry,
    watch: (connection, mayWatch) => {
      const { id } = connection;
      if (mayWatch !== undefined) {
        allowed.set(id, mayWatch);
        connection.closed$.subscribe(() => allowed.delete(id));
      }
      pages$.next({ type: 'connection', connection });
    },
    looks: () => looks + (table?.looks() ?? 0),
    stop: () => {
      for (const each of running) each.unsubscribe();
      passing?.unsubscribe();
      facts.stop();
      meter.stop();
    },
  };
}
