/** One request over HTTP, with a time-out for each wait: for a connection, for the answer, and between its bytes. */
import { Agent as HttpAgent, type IncomingMessage, request as requestHttp } from 'node:http';
import { Agent as HttpsAgent, request as requestHttps } from 'node:https';
import { EngineFault } from '../engine-fault.ts';

export interface HttpRequest {
  readonly method: string;
  readonly url: URL;
  readonly headers: Readonly<Record<string, string>>;
  /** The pieces of the body, which stay unchanged until the answer; default none. */
  readonly body?: readonly Uint8Array[];
  /** Whether the answer is read at the pace of somebody else, for as long as that takes; default false. */
  readonly isStream?: boolean;
}

export interface HttpClient {
  /** Answers the head. @throws an `EngineFault` that passes. */
  send(request: HttpRequest): Promise<IncomingMessage>;
  /** Connections that are open, and requests that wait for one. */
  usage(): { readonly connections: number; readonly waiting: number };
  close(): void;
}

/**
 * @param connectionsMax requests beyond it wait for a connection; the callers bound them.
 * @param quietMs milliseconds in which a connection, or the next bytes of either side, must come.
 */
export function createHttpClient(endpoint: URL, connectionsMax: number, quietMs: number): HttpClient {
  const isSecure = endpoint.protocol === 'https:';
  const createAgent = (maxSockets: number) => {
    const options = { keepAlive: true, maxSockets, scheduling: 'lifo' } as const;
    return isSecure ? new HttpsAgent(options) : new HttpAgent(options);
  };
  const brief = createAgent(connectionsMax);
  // Slow readers must not take the connections of all others. The files that are open bound them.
  const streams = createAgent(Number.POSITIVE_INFINITY);
  const request = isSecure ? requestHttps : requestHttp;
  return {
    send: ({ method, url, headers, body = [], isStream = false }) =>
      new Promise((resolve, reject) => {
        const sent = request(url, {
          method,
          headers: { ...headers },
          agent: isStream ? streams : brief,
          timeout: quietMs,
        });
        // The time-out of a request begins with its connection, and all of them may be in use.
        const waiting = setTimeout(
          () => sent.destroy(new Error(`no connection came free for ${quietMs / 1000} s`)),
          quietMs,
        );
        sent.on('socket', () => clearTimeout(waiting));
        sent.on('close', () => clearTimeout(waiting));
        sent.on('timeout', () => sent.destroy(new Error(`nothing came for ${quietMs / 1000} s`)));
        sent.on('error', (error: NodeJS.ErrnoException) => reject(unreachable(error)));
        sent.on('response', (response) => {
          // Whoever reads it next is told.
          response.on('error', () => {});
          resolve(response);
        });
        for (const piece of body) sent.write(piece);
        sent.end();
      }),
    usage: () => ({
      connections: [brief, streams].reduce(
        (sum, each) => sum + countOf(each.sockets) + countOf(each.freeSockets),
        0,
      ),
      waiting: countOf(brief.requests),
    }),
    close: () => {
      brief.destroy();
      streams.destroy();
    },
  };
}

const countOf = (lists: NodeJS.ReadOnlyDict<readonly unknown[]>): number =>
  Object.values(lists).reduce((sum, list) => sum + (list?.length ?? 0), 0);

export const unreachable = (error: NodeJS.ErrnoException): EngineFault =>
  new EngineFault('s3', `cannot be reached: ${error.message === '' ? error.code : error.message}`, {
    word: error.code,
    isPassing: true,
  });

/** The bytes of a short answer. @throws an `EngineFault` when it breaks off, or is longer than `most`. */
export async function textOf(response: IncomingMessage, most: number): Promise<string> {
  const chunks: Buffer[] = [];
  let length = 0;
  try {
    for await (const chunk of response as AsyncIterable<Buffer>) {
      length += chunk.length;
      if (length > most) throw new Error(`its answer is longer than ${most} bytes`);
      chunks.push(chunk);
    }
  } catch (thrown) {
    throw unreachable(thrown as NodeJS.ErrnoException);
  }
  return Buffer.concat(chunks).toString();
}
