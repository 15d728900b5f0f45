/** A server with its page, and what a browser or a program says to it. */
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import { type IncomingHttpHeaders, type RequestOptions, request } from 'node:http';
import { request as requestSecurely } from 'node:https';
import { connect, type Socket } from 'node:net';
import { join } from 'node:path';
import { lastValueFrom, Subject, tap } from 'rxjs';
import { onTestFinished } from 'vitest';
import { WebSocket } from 'ws';
import type { TokenTries } from '../../../src/files/effects/token-tries.ts';
import { type AccessFile, openAccessFile } from '../../../src/server/access/access-file.ts';
import type { ServerEvent } from '../../../src/server/event.ts';
import { serve } from '../../../src/server/serve.ts';
import type { ServeOptions } from '../../../src/server/serve-options.ts';
import type { ServerStats } from '../../../src/server/status.ts';
import { createWebServer, type WebServerOptions } from '../../../src/server/web/web-server.ts';
import type { FileStore } from '../../../src/store/contract.ts';
import { memoryStore } from '../../../src/store/memory/memory-store.ts';
import { tempFolder, writeTree } from '../stores/temp-folder.ts';

export interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
}

export interface Question {
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
  /** Whose certificate is trusted; then it speaks TLS. */
  readonly ca?: string;
  /** The certificate that the client shows. */
  readonly cert?: string;
  readonly key?: string;
}

export interface AskedPage {
  readonly port: number;
  readonly store: FileStore;
  readonly events: readonly ServerEvent[];
  readonly events$: Subject<ServerEvent>;
  readonly faults: readonly unknown[];
  readonly stats: () => ServerStats;
  readonly ask: (path: string, question?: Question) => Promise<Answer>;
  readonly webSocket: (path: string, headers?: Readonly<Record<string, string>>) => WebSocket;
  /** A bare socket, for what no client would say. */
  readonly raw: () => Promise<Socket>;
  /** Shuts the server down, and resolves when it is. */
  readonly shutDown: () => Promise<void>;
}

export interface AskedPageOptions extends Partial<Omit<WebServerOptions, 'onInternalError'>> {
  readonly store?: FileStore;
  readonly access?: AccessFile;
  readonly limits?: NonNullable<ServeOptions['limits']>;
  readonly tokenTries?: TokenTries;
}

export async function askedPage({
  store = memoryStore(),
  access,
  tokenTries,
  limits = {},
  ...options
}: AskedPageOptions = {}): Promise<AskedPage> {
  const faults: unknown[] = [];
  const web = createWebServer({
    host: '127.0.0.1',
    port: 0,
    sockets: 64,
    pageDir: pageFolder(),
    onInternalError: (thrown) => faults.push(thrown),
    ...options,
  });
  const shutdown$ = new Subject<void>();
  const events: ServerEvent[] = [];
  const events$ = new Subject<ServerEvent>();
  let stats = (): ServerStats => ({ connections: 0, requests: 0, received: 0, sent: 0, unsettled: 0 });
  const served$ = serve({
    connections$: web.connections$,
    store,
    limits,
    shutdown$,
    ...(tokenTries && { tokenTries }),
    stats: (read) => {
      stats = read;
    },
    ...(access && { access: access.access }),
  });
  const listening = new Promise<number>((resolve) =>
    events$.subscribe((event) => event.type === 'listening' && resolve(event.port)),
  );
  const over = lastValueFrom(
    served$.pipe(
      tap((event) => {
        events.push(event);
        events$.next(event);
      }),
    ),
    { defaultValue: undefined },
  );
  const shutDown = async (): Promise<void> => {
    shutdown$.next();
    await over;
    web.close();
  };
  onTestFinished(async () => {
    web.close();
    await shutDown();
  });
  const port = await listening;
  return {
    port,
    store,
    events,
    events$,
    faults,
    stats: () => stats(),
    ask: (path, question) => ask(port, path, question),
    webSocket: (path, headers = {}) => new WebSocket(`ws://127.0.0.1:${port}${path}`, { headers }),
    raw: async () => {
      const socket = connect(port, '127.0.0.1');
      onTestFinished(() => void socket.destroy());
      socket.on('error', () => {});
      await once(socket, 'connect');
      return socket;
    },
    shutDown,
  };
}

export function ask(
  port: number,
  path: string,
  { method = 'GET', headers = {}, body, ...tls }: Question = {},
): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const options: RequestOptions = { host: '127.0.0.1', port, path, method, headers, agent: false };
    const asked = tls.ca === undefined ? request(options) : requestSecurely({ ...options, ...tls });
    asked.on('error', reject).on('response', async (response) => {
      const chunks: Buffer[] = [];
      try {
        for await (const chunk of response) chunks.push(chunk);
        resolve({ status: response.statusCode!, headers: response.headers, body: Buffer.concat(chunks) });
      } catch (error) {
        reject(error);
      }
    });
    asked.end(body);
  });
}

/** The built page, in small: a page, and a file whose name has a hash. */
export function pageFolder(): string {
  const folder = tempFolder();
  writeTree(folder, { 'index.html': '<!doctype html><title>Sluice</title>' });
  mkdirSync(join(folder, 'assets'));
  writeTree(folder, { 'assets/main-1A2B.js': 'export {};', 'assets/main-1A2B.js.br': 'compressed' });
  return folder;
}

export interface Rules {
  readonly file: AccessFile;
  /** Puts other rules into use. */
  readonly become: (rules: object) => Promise<void>;
}

export async function accessRules(rules: object): Promise<Rules> {
  const path = join(tempFolder(), 'access.json');
  const write = (content: object) => {
    writeFileSync(path, JSON.stringify(content));
    chmodSync(path, 0o600);
  };
  write(rules);
  const opened = await openAccessFile(path);
  if (!opened.ok) throw new Error(opened.problems.join('\n'));
  return {
    file: opened.value,
    become: async (next) => {
      write(next);
      const problems = await opened.value.reload();
      if (problems.length > 0) throw new Error(problems.join('\n'));
    },
  };
}

/** A token long enough, for a name. */
export const tokenOf = (name: string): string => createHash('sha256').update(name).digest('hex');

/** The cookie with which a browser says a token. */
export const cookieOf = (port: number, token: string): string =>
  `sluice-${port}=${Buffer.from(token).toString('base64url')}`;
