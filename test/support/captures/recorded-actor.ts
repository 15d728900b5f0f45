/** Recordings of actors, made by our own recorder. */
import { lastValueFrom, of } from 'rxjs';
import type { Actor } from '../../../src/actor/actor.ts';
import { serveActors } from '../../../src/actor/serve-actors.ts';
import { record } from '../../../src/capture/record/record.ts';
import type { Connection } from '../../../src/transport/connection.ts';
import { memoryPair } from '../../../src/transport/memory/memory-pair.ts';

/**
 * Records a conversation of an actor with one client into a file.
 *
 * @param talk is the client, which ends its side.
 */
export async function recordActor<S, In, Out, Head, E extends { readonly type: string }, R, I>(
  path: string,
  actor: Actor<S, In, Out, Head, E, R, I>,
  talk: (client: Connection) => Promise<unknown>,
): Promise<void> {
  const recorder = record(path, { redact: null });
  const [client, server] = memoryPair();
  const connections$ = of({ type: 'connection', connection: recorder.wrap(server) } as const);
  const served = lastValueFrom(serveActors({ connections$, actor }), { defaultValue: null });
  await talk(client);
  await served;
  await recorder.close();
}
