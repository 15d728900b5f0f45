/** Requests that have no body and are answered by one ack. */
import { Observable } from 'rxjs';
import { isMatching, type P } from 'ts-pattern';
import type { Ack } from '../files/protocol/reply.ts';
import type { JsonHeader } from '../wire/json-header.ts';
import { ClientError } from './client-fault.ts';
import type { RequestPipeline } from './pipeline/request-pipeline.ts';

/**
 * Makes the request and emits its ack. An ack that does not match the pattern is a fault `protocol`: no server that
 * knows the command would send it.
 */
export function ask<const Shape extends { readonly ack: string }>(
  pipeline: RequestPipeline,
  header: JsonHeader,
  pattern: Shape,
): Observable<Ack & P.infer<Shape>> {
  const matches = isMatching(pattern as P.Pattern<unknown>);
  return new Observable((subscriber) =>
    pipeline.request({
      header: () => header,
      acked: (ack) => {
        if (!matches(ack)) {
          return {
            code: 'protocol',
            message: `the server's answer to '${pattern.ack}' is not an ack of one`,
          };
        }
        subscriber.next(ack as Ack & P.infer<Shape>);
        return null;
      },
      done: () => subscriber.complete(),
      failed: (fault) => subscriber.error(new ClientError(fault)),
    }),
  );
}
