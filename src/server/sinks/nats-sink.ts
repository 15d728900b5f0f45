/** A sink that publishes each event to NATS JetStream. It needs the package `@nats-io/transport-node`. */
import {
  type Authenticator,
  connect,
  credsAuthenticator,
  headers,
  type Msg,
  type NatsConnection,
  RequestError,
  tokenAuthenticator,
  usernamePasswordAuthenticator,
} from '@nats-io/transport-node';
import { CLOUD_EVENT_TYPE, cloudEvent } from './cloud-event.ts';
import { DELIVERED, type DeliveryAnswer, type EventSink, failed } from './sink.ts';

/** By which the server knows this client. */
export type NatsCredentials =
  /** The text of a file of credentials, as `nsc` makes it: a JWT and a seed. */
  | { readonly type: 'file'; readonly text: string }
  | { readonly type: 'user'; readonly user: string; readonly password: string }
  | { readonly type: 'token'; readonly token: string };

export interface NatsOptions {
  readonly name: string;
  /** `nats://HOST:PORT`, or `tls://HOST:PORT` and nothing is said in the clear; those of a cluster, one of which is used. */
  readonly servers: readonly string[];
  /** A stream must take it. */
  readonly subject: string;
  readonly credentials?: NatsCredentials;
  /** Milliseconds for a connection, and for an acknowledgement; default 30,000. */
  readonly timeoutMs?: number;
  /** Events that wait for their acknowledgement at once; default 16. */
  readonly concurrency?: number;
}

const TIMEOUT_MS = 30_000;
const CONCURRENCY = 16;
/** Milliseconds between two signs of life, of which two may be missing. */
const PING_MS = 10_000;

/** What a stream answers, of which it has one part or the other. */
interface PubAck {
  readonly stream?: string;
  readonly error?: { readonly code: number; readonly description?: string };
}

/**
 * The acknowledgement of a stream is the delivery. What comes again has the same `Nats-Msg-Id`, so a stream keeps it once
 * within its window for duplicates.
 */
export function natsSink(options: NatsOptions): EventSink {
  const { name, subject, timeoutMs = TIMEOUT_MS, concurrency = CONCURRENCY } = options;
  let link: Promise<NatsConnection> | undefined;
  let isClosed = false;

  /** A connection that breaks is made anew by the next delivery, which is as late as a failure makes it. */
  function linked(): Promise<NatsConnection> {
    if (link !== undefined) return link;
    const made = open(options, timeoutMs);
    link = made;
    const forget = () => {
      if (link === made) link = undefined;
    };
    made
      .then((connection) => {
        if (isClosed) void connection.close();
        return connection.closed();
      })
      .then(forget, forget);
    return made;
  }

  return {
    name,
    concurrency,
    deliver: async (event) => {
      const connection = await linked();
      const said = headers();
      said.set('Content-Type', CLOUD_EVENT_TYPE);
      said.set('Nats-Msg-Id', event.id);
      try {
        const body = cloudEvent(event);
        return answerOf(await connection.request(subject, body, { headers: said, timeout: timeoutMs }));
      } catch (thrown) {
        if (thrown instanceof RequestError && thrown.isNoResponders())
          return failed(`no stream takes ${subject}`);
        throw thrown;
      }
    },
    close: () => {
      isClosed = true;
      link?.then((connection) => connection.close()).catch(() => {});
    },
  };
}

const open = ({ servers, credentials }: NatsOptions, timeoutMs: number): Promise<NatsConnection> =>
  connect({
    servers: [...servers],
    name: 'sluice',
    timeout: timeoutMs,
    pingInterval: PING_MS,
    // It would keep what is sent meanwhile in memory, without an end.
    reconnect: false,
    ignoreClusterUpdates: true,
    ...(servers.some((server) => server.startsWith('tls:')) && { tls: {} }),
    ...(credentials && { authenticator: authenticatorOf(credentials) }),
  });

/** Whoever else listens to the subject may answer, too: only what names a stream is its acknowledgement. */
function answerOf(answer: Msg): DeliveryAnswer {
  let ack: PubAck | null = null;
  try {
    ack = answer.json<PubAck | null>();
  } catch {
    // It is no JSON.
  }
  if (ack?.error) return failed(ack.error.description ?? `it answered ${ack.error.code}`);
  return ack?.stream ? DELIVERED : failed('what answered is no stream');
}

function authenticatorOf(credentials: NatsCredentials): Authenticator {
  switch (credentials.type) {
    case 'file':
      return credsAuthenticator(new TextEncoder().encode(credentials.text));
    case 'user':
      return usernamePasswordAuthenticator(credentials.user, credentials.password);
    case 'token':
      return tokenAuthenticator(credentials.token);
  }
}
