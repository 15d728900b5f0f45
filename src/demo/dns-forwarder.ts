/**
 * A DNS server that asks another one, and keeps what that answers. Queries for the same name, type and class (in upper or
 * lower case) have one answer for as long as the least TTL in it says; those that come while it is under way wait for
 * it. The options of a query (EDNS) are not passed on. A query that cannot be read is answered FORMERR, and one that the
 * other server does not answer SERVFAIL.
 */
import { defer, firstValueFrom, timeout } from 'rxjs';
import { match } from 'ts-pattern';
import { type Control, defineActor, type Reduction } from '../actor/actor.ts';
import { dnsMessages } from '../wire/codecs/dns-messages.ts';
import { createDnsCache } from './dns-cache.ts';
import * as dns from './dns-message.ts';

export interface DnsForwarderOptions {
  /** Asks the other server. The id of the query is 0, and that of the response does not count. */
  readonly upstream: (query: Uint8Array) => Promise<Uint8Array>;
  /** The most responses that are kept, of at most 4 KiB each; default 10,000. The oldest goes first. */
  readonly entriesMax?: number;
}

type Effect = { readonly type: 'resolve'; readonly query: dns.Query };

const UPSTREAM_TIMEOUT_MS = 5000;
const send = (message: Uint8Array): Control<Uint8Array> => ({ type: 'send', message });

/** Makes a forwarder of its own: its cache is shared by all connections that it serves. */
export function dnsForwarder({ upstream, entriesMax = 10_000 }: DnsForwarderOptions) {
  const cache = createDnsCache(entriesMax);
  /** The queries that the other server has not answered yet, by their keys. */
  const asked = new Map<string, Promise<Uint8Array>>();

  async function ask(query: dns.Query): Promise<Uint8Array> {
    const asking$ = defer(() => upstream(dns.forwardedQuery(query))).pipe(timeout(UPSTREAM_TIMEOUT_MS));
    const response = await firstValueFrom(asking$).finally(() => asked.delete(query.key));
    if (!dns.isResponseTo(query, response)) throw new Error('the response is to another query');
    cache.set(query.key, response);
    return response;
  }

  return defineActor<{ effect: Effect; result: Uint8Array }>()({
    codec: dnsMessages,
    reduce: (state, event) =>
      match(event)
        .returnType<Reduction<null, Effect, Uint8Array>>()
        .with({ type: 'message' }, ({ message }) => {
          const query = dns.parseQuery(message);
          if (typeof query === 'number') return { state, effects: [send(dns.refusal(message, query))] };
          return { state, effects: [{ type: 'resolve', query }] };
        })
        .with({ type: 'result' }, ({ effect: { query }, value }) => ({
          state,
          effects: [send(dns.answerTo(query, value))],
        }))
        .with({ type: 'failed' }, ({ effect: { query } }) => ({
          state,
          effects: [send(dns.refusal(query.message, dns.SERVFAIL))],
        }))
        .otherwise(() => ({ state })),
    perform({ query }) {
      const response = cache.get(query.key);
      if (response !== undefined) return [response];
      const answer = asked.get(query.key) ?? ask(query);
      asked.set(query.key, answer);
      return answer;
    },
  });
}
