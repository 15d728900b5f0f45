/** Saying who we are, before anything else is asked on a connection. */
import { lastValueFrom } from 'rxjs';
import type { Client } from '../../client/client.ts';

/** Resolves when the server has let us in, at once when there is no token; rejects with a `ClientFault`. */
export async function sayHello(client: Pick<Client, 'request'>, token: string | null): Promise<void> {
  if (token !== null) await lastValueFrom(client.request({ cmd: 'hello', token }));
}
