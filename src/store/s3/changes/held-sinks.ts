/**
 * The sinks that this node delivers to. Each is held by one node at a time, until a moment that the node moves on as long as
 * it lives; whoever asks first after that moment has it then. What a node says of a sink that it has lost counts no more.
 */
import { setTimeout as wait } from 'node:timers/promises';
import { BehaviorSubject, distinctUntilChanged, type Observable } from 'rxjs';
import type { Database } from '../postgres/database.ts';
import type { ChangeStatements } from './change-statements.ts';

export interface HeldSinks {
  /** Whether this node holds a sink, now and whenever that changes. */
  held(sink: string): Observable<boolean>;
  isAnyHeld(): boolean;
  areAllHeld(): boolean;
  /** How far a sink is, as far as this node knows. */
  cursor(sink: string): number;
  /** Of a sink that this node holds. */
  advance(sink: string, sequence: number): void;
  /** Asks the database who holds what. */
  look(): void;
  /** Gives all back. */
  close(): Promise<void>;
}

export interface HeldSinksDeps {
  readonly database: Database;
  readonly statements: ChangeStatements;
  /** The id of this node. */
  readonly node: string;
  readonly sinks: readonly string[];
  /** Milliseconds for which a sink is held. */
  readonly holdMs: number;
  /** A sink that this node holds was moved. */
  readonly moved: (sink: string) => void;
  /** What has failed, or null when it goes again. */
  readonly faulted: (thrown: unknown) => void;
}

interface HeldSink {
  readonly held$: BehaviorSubject<boolean>;
  at: number;
  /** What the database knows of `at`. */
  saved: number;
  epoch: number;
  /** Until then nobody else has it, by both clocks: one stands still while the machine sleeps, the other may be set. */
  until: Clocks;
}

interface Clocks {
  readonly steady: number;
  readonly wall: number;
}
const clocks = (): Clocks => ({ steady: performance.now(), wall: Date.now() });

/** Milliseconds until a cursor is saved: so much is delivered again after a crash. */
const SAVE_MS = 250;
/** Milliseconds that an end in good order may take, when the database is away. */
const CLOSE_MS = 3000;
/** How often the end of a hold is moved on, within the time of one. */
const LOOKS = 3;

export function holdSinks(deps: HeldSinksDeps): HeldSinks {
  const { database, statements, node, sinks, holdMs } = deps;
  const states = new Map<string, HeldSink>();
  for (const sink of sinks) {
    const held$ = new BehaviorSubject(false);
    states.set(sink, { held$, at: 0, saved: 0, epoch: -1, until: { steady: 0, wall: 0 } });
  }
  let isClosed = false;
  let looking: Promise<void> | null = null;
  let looksAgain = false;
  let saving: Promise<void> | null = null;
  let saveTimer: NodeJS.Timeout | undefined;
  const timer = setInterval(() => look(), holdMs / LOOKS).unref();
  /** Looks more often than the holds end, for they end by this node's own clock, too. */
  const endTimer = setInterval(endOld, Math.min(1000, holdMs / LOOKS)).unref();

  function endOld(): void {
    const { steady, wall } = clocks();
    for (const { held$, until } of states.values()) {
      if (held$.value && (steady >= until.steady || wall >= until.wall)) held$.next(false);
    }
  }

  function look(): void {
    if (isClosed) return;
    looksAgain = true;
    looking ??= lookOn().finally(() => {
      looking = null;
    });
  }

  async function lookOn(): Promise<void> {
    while (looksAgain && !isClosed) {
      looksAgain = false;
      const { steady, wall } = clocks();
      const until = { steady: steady + holdMs, wall: wall + holdMs };
      try {
        type Row = { readonly sink: string; readonly delivered: number; readonly epoch: number };
        const rows = await database.rows<Row>(statements.hold, [node, sinks, holdMs]);
        if (isClosed) return;
        for (const [sink, state] of states) {
          const row = rows.find((each) => each.sink === sink);
          if (row === undefined) state.held$.next(false);
          else take(sink, state, row, until);
        }
        deps.faulted(null);
      } catch (thrown) {
        deps.faulted(thrown);
      }
    }
  }

  function take(
    sink: string,
    state: HeldSink,
    { delivered, epoch }: { readonly delivered: number; readonly epoch: number },
    until: Clocks,
  ): void {
    state.until = until;
    const isNew = epoch !== state.epoch;
    if (isNew) Object.assign(state, { epoch, at: delivered, saved: delivered });
    if (!state.held$.value) state.held$.next(true);
    else if (isNew) deps.moved(sink);
  }

  function saveSoon(): void {
    if (saveTimer !== undefined || isClosed) return;
    saveTimer = setTimeout(() => {
      saveTimer = undefined;
      saving = save().finally(() => {
        saving = null;
      });
    }, SAVE_MS);
  }

  async function save(): Promise<void> {
    try {
      for (const [sink, state] of states) {
        const { at, epoch } = state;
        if (at <= state.saved) continue;
        const row = await database.row(statements.advance, [node, sink, epoch, at]);
        if (row === undefined) look();
        else if (state.epoch === epoch) state.saved = Math.max(state.saved, at);
      }
      await database.rows(statements.trim, []);
    } catch (thrown) {
      deps.faulted(thrown);
      saveSoon();
    }
  }

  async function leave(): Promise<void> {
    await Promise.all([looking, saving]);
    await save();
    await database.rows(statements.leave, [node]).catch(() => {});
  }

  return {
    held: (sink) => {
      const state = states.get(sink);
      if (state === undefined) throw new Error(`the log was opened without the sink ${sink}`);
      return state.held$.pipe(distinctUntilChanged());
    },
    isAnyHeld: () => [...states.values()].some(({ held$ }) => held$.value),
    areAllHeld: () => [...states.values()].every(({ held$ }) => held$.value),
    cursor: (sink) => states.get(sink)?.at ?? 0,
    advance(sink, sequence) {
      const state = states.get(sink);
      if (state === undefined || !state.held$.value || sequence <= state.at) return;
      state.at = sequence;
      saveSoon();
    },
    look,
    async close() {
      isClosed = true;
      clearInterval(timer);
      clearInterval(endTimer);
      clearTimeout(saveTimer);
      for (const { held$ } of states.values()) {
        held$.next(false);
        held$.complete();
      }
      await Promise.race([leave(), wait(CLOSE_MS, undefined, { ref: false })]);
    },
  };
}
