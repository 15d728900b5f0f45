/**
 * Runs an actor on one connection. This is the pipe:
 *
 * ```text
 *  chunks$ ──▶ slices ──▶ scan(step) ──▶ events ──▶ scan(reduce) ──▶ effects ──▶ the peer, the world
 *     ▲                                    ▲                                          │
 *     └── paused while credit is short     └──── results, timers, inputs of others ◀──┘
 * ```
 *
 * One event is reduced at a time, and its effects are begun before the next. The connection takes turns with the others
 * (see `rounds`), and holds no more memory than its window of credit (see `credit`).
 */
import { Observable } from 'rxjs';
import type { Connection } from '../transport/connection.ts';
import { scanDecoder } from '../wire/decode.ts';
import type { AnyActor } from './actor.ts';
import type { ActorReport } from './report.ts';
import { createRun } from './run/create-run.ts';
import { mergeEvents, toEvents } from './run/events.ts';
import { execute } from './run/execute.ts';
import { giveUp } from './run/lifecycle.ts';
import { listen } from './run/listen.ts';
import { fail } from './run/queues.ts';
import type { ReportObserver } from './run/run.ts';
import { scanEffects } from './run/scan-effects.ts';
import type { ServeActorOptions } from './run/serve-actor-options.ts';
import { slices } from './run/slices.ts';

/**
 * Serves one connection until it is over, and emits reports of what happened in it. Completes when the connection is
 * closed and all effects have ended. Never errors. Who unsubscribes destroys the connection.
 *
 * @internal
 */
export function serveActor(
  connection: Connection,
  actor: AnyActor,
  options: ServeActorOptions,
): Observable<ActorReport> {
  return new Observable((subscriber) => runActor(connection, actor, options, subscriber));
}

/** The same without an Observable around it. Returns what ends it; it is to be called behind `complete`, too. */
export function runActor(
  connection: Connection,
  actor: AnyActor,
  options: ServeActorOptions,
  observer: ReportObserver,
): () => void {
  const run = createRun(connection, actor, options, observer);
  const effects = connection.chunks$
    .pipe(
      slices(run), //                the bytes, at most 64 messages at a time, while credit and rates allow
      scanDecoder(run.decoding), //  scan(step): bytes → messages, pieces of bodies, faults
      toEvents(run), //              each event pays for what it holds
      mergeEvents(run), //           one at a time: results first, then the peer and the others in turn
      scanEffects(run), //           scan(reduce): (state, event) → (state, effects)
    )
    .subscribe({
      next: (turn) => execute(run, turn),
      error: (thrown: unknown) => fail(run, thrown),
    });
  const stopListening = listen(run, options);
  // In its turn: what its first effects lead to is reduced after them.
  run.member.wake();
  return () => {
    stopListening();
    giveUp(run);
    effects.unsubscribe();
  };
}
