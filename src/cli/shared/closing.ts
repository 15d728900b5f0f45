/** Waiting for a client to close, but not forever. */
import { firstValueFrom, race, timer } from 'rxjs';
import type { Client } from '../../client/client.ts';

/** Milliseconds that a server has to end its side once ours is ended and all is answered. */
const CLOSING_MAX_MS = 2000;

export async function closing(client: Client): Promise<void> {
  await firstValueFrom(race(client.closed$, timer(CLOSING_MAX_MS)));
  client.destroy();
}
