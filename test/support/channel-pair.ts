/** Two ends of a channel, as processes would have them: each message is copied, and arrives in a later turn. */
import { Subject } from 'rxjs';
import type { Channel } from '../../src/base/calls.ts';

export function channelPair() {
  const [toOne, toOther] = [new Subject<unknown>(), new Subject<unknown>()];
  const sent: unknown[] = [];
  const end = (out: Subject<unknown>, messages$: Subject<unknown>): Channel => ({
    messages$,
    send: (message) => {
      sent.push(message);
      setImmediate(() => out.next(structuredClone(message)));
    },
  });
  const cut = () => {
    toOne.complete();
    toOther.complete();
  };
  return { one: end(toOther, toOne), other: end(toOne, toOther), sent, cut };
}
