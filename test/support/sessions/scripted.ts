/** A server that answers each request as a test says, once it has arrived whole; one for each connection that is made. */
import { Observable } from 'rxjs';
import { requestFraming } from '../../../src/files/session/dispatch.ts';
import type { Connection } from '../../../src/transport/connection.ts';
import { memoryPair } from '../../../src/transport/memory/memory-pair.ts';
import { deframe } from '../../../src/wire/deframe/deframe.ts';
import type { JsonHeader } from '../../../src/wire/json-header.ts';
import { frame } from '../network/peer.ts';

export interface Asked {
  readonly header: JsonHeader;
  readonly body: Buffer;
  /** Which connection it came on, from 0. */
  readonly connection: number;
}

/** What to do: say headers (each gets the `id` of the request), break the connection, end our side, or be silent. */
export type Answer = JsonHeader | readonly JsonHeader[] | 'break' | 'end' | null;

export function scripted(answer: (asked: Asked) => Answer) {
  const asked: Asked[] = [];
  let made = 0;

  function attend(there: Connection, connection: number): void {
    let header: JsonHeader = {};
    let body: Uint8Array[] = [];
    there.chunks$.pipe(deframe(requestFraming())).subscribe({
      next: (event) => {
        if (event.type === 'start') {
          header = event.header;
          body = [];
        } else if (event.type === 'data') body.push(event.bytes.slice());
        else if (event.type === 'end') {
          const one = { header, body: Buffer.concat(body), connection };
          asked.push(one);
          say(answer(one), header);
        }
      },
      complete: () => there.end(),
      error: () => {},
    });

    function say(what: Answer, { id }: JsonHeader): void {
      if (what === 'break') there.destroy();
      else if (what === 'end') there.end();
      else if (what !== null) {
        there.write(
          [what].flat().map((each) => frame({ id, ...each })),
          () => {},
        );
      }
    }
  }

  return {
    asked,
    connections: () => made,
    connect: () =>
      new Observable<Connection>((subscriber) => {
        const [here, there] = memoryPair();
        attend(there, made++);
        subscriber.next(here);
        subscriber.complete();
      }),
  };
}
