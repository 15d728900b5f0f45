/** An HTTP proxy between a client and an S3 engine, which does to the next requests what networks and engines do. */
import { once } from 'node:events';
import { createServer, IncomingMessage, request, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { buffer } from 'node:stream/consumers';

export type HttpFault =
  /** This status, with an error of S3, and the engine hears nothing of the request. */
  | { readonly type: 'answer'; readonly status: number; readonly code?: string }
  /** The engine does what is asked, and the client is reset instead of answered. */
  | { readonly type: 'lose-answer' }
  /** The client is reset when so many bytes of the answer's body have been sent; its head says how many there would be. */
  | { readonly type: 'truncate'; readonly after: number }
  /** The engine does what is asked, and the client is told this ETag. */
  | { readonly type: 'etag'; readonly etag: string }
  /**
   * `until` is called when the whole request is here. Once what it returns resolves, the request gets to the engine, also
   * when the client is gone by then. Nobody is answered.
   */
  | { readonly type: 'late'; readonly until: () => Promise<unknown> };

export interface SeenRequest {
  readonly method: string;
  /** Path and query, as they were sent. */
  readonly url: string;
}

export interface Injection {
  /** How many requests get it. Default 1. */
  readonly times?: number;
  /** Which ones. Default all. */
  readonly when?: (seen: SeenRequest) => boolean;
}

export interface HttpProxy {
  readonly port: number;
  /** To be used as the engine's: a signature has the host of the request, which is handed on as it is. */
  readonly endpoint: string;
  /** All that was asked so far. */
  readonly seen: readonly SeenRequest[];
  /**
   * @returns when the last of its requests has got it, and what the engine has answered to that: a status, or undefined
   * when it was not asked or has not answered.
   */
  inject(fault: HttpFault, injection?: Injection): Promise<number | undefined>;
  /** Resets what is open, and listens no more. */
  close(): Promise<void>;
}

/** Listens on a free port of 127.0.0.1, and connects to this one there, anew for each request. */
export async function httpProxy(target: number): Promise<HttpProxy> {
  const seen: SeenRequest[] = [];
  const injected: (Required<Injection> & {
    fault: HttpFault;
    times: number;
    done: (status: number | undefined) => void;
  })[] = [];

  const server = createServer((asked, answer) => {
    const { method = '', url = '' } = asked;
    seen.push({ method, url });
    const found = injected.find(({ times, when }) => times > 0 && when({ method, url }));
    if (found !== undefined) found.times--;
    const isLast = found?.times === 0;
    handle(found?.fault, asked, answer, target)
      // The client, or the engine, is gone: the other one is told by a reset.
      .catch(() => {
        answer.socket?.resetAndDestroy();
        return undefined;
      })
      .then((status) => {
        if (isLast) found?.done(status);
      });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return {
    port,
    endpoint: `http://127.0.0.1:${port}`,
    seen,
    inject: (fault, { times = 1, when = () => true } = {}) =>
      new Promise((done) => {
        injected.push({ fault, times, when, done });
      }),
    close: async () => {
      server.close();
      server.closeAllConnections();
      await once(server, 'close');
    },
  };
}

async function handle(
  fault: HttpFault | undefined,
  asked: IncomingMessage,
  answer: ServerResponse,
  target: number,
): Promise<number | undefined> {
  if (fault?.type === 'answer') {
    await buffer(asked);
    answer.writeHead(fault.status, { 'content-type': 'application/xml' });
    answer.end(`<Error><Code>${fault.code ?? 'SlowDown'}</Code></Error>`);
    return undefined;
  }
  if (fault?.type === 'late') {
    const body = await buffer(asked);
    await fault.until();
    const late = await ask(asked, body, target);
    await buffer(late);
    answer.socket?.resetAndDestroy();
    return late.statusCode;
  }
  const answered = await ask(asked, asked, target);
  if (fault?.type === 'lose-answer') {
    await buffer(answered);
    answer.socket?.resetAndDestroy();
    return answered.statusCode;
  }
  if (fault?.type === 'etag') {
    answer.writeHead(answered.statusCode!, { ...answered.headers, etag: fault.etag });
  } else answer.writeHead(answered.statusCode!, answered.rawHeaders);
  let left = fault?.type === 'truncate' ? fault.after : Number.POSITIVE_INFINITY;
  for await (const piece of answered as AsyncIterable<Buffer>) {
    const now = piece.subarray(0, left);
    left -= now.length;
    if (!answer.write(now)) await once(answer, 'drain');
    if (left > 0) continue;
    // Once it is with the system, since a reset would overtake it; an end in good order is no less of a truncation.
    answer.socket?.destroySoon();
    return answered.statusCode;
  }
  answer.end();
  return answered.statusCode;
}

/** Asks the engine, with the same head. */
async function ask(
  { method, url, rawHeaders }: IncomingMessage,
  body: Buffer | IncomingMessage,
  port: number,
): Promise<IncomingMessage> {
  const asking = request({
    host: '127.0.0.1',
    port,
    agent: false,
    method: method!,
    path: url!,
    headers: rawHeaders,
  });
  const answered = once(asking, 'response');
  if (body instanceof IncomingMessage) {
    // A client that gives up while it sends has not asked.
    body.on('close', () => body.complete || asking.destroy());
    body.pipe(asking);
  } else asking.end(body);
  const [answer] = (await answered) as [IncomingMessage];
  return answer;
}
