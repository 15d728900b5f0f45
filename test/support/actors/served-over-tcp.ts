/** An actor that is served over TCP. */
import { filter, firstValueFrom, share } from 'rxjs';
import { onTestFinished } from 'vitest';
import type { Actor } from '../../../src/actor/actor.ts';
import { serveActors } from '../../../src/actor/serve-actors.ts';
import { listenTcp } from '../../../src/transport/socket/tcp.ts';

export interface ServedOverTcp {
  readonly port: number;
  readonly stop: () => void;
}

/** Serves it until it is stopped, or the test has ended. */
export async function servedOverTcp<S, In, Out, Head, E extends { readonly type: string }, R, I>(
  actor: Actor<S, In, Out, Head, E, R, I>,
): Promise<ServedOverTcp> {
  const server$ = serveActors({ connections$: listenTcp({ port: 0 }), actor }).pipe(share());
  const running = server$.subscribe();
  const stop = () => running.unsubscribe();
  onTestFinished(stop);
  const { port } = await firstValueFrom(server$.pipe(filter((event) => event.type === 'listening')));
  return { port, stop };
}
