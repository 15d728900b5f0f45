/**
 * `/session`: who the page speaks for.
 *
 *   POST     keeps the token of the body in a cookie, if the server knows it
 *   GET      says whose token that is, and what it may do
 *   DELETE   has the cookie forgotten
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { serviceFault } from '../../files/protocol/errors.ts';
import type { JsonHeader } from '../../wire/json-header.ts';
import { openClient, type PageDeps } from './page-deps.ts';
import { hasMethod, sendFault, sendJson, sendNothing, sendText } from './respond.ts';
import { visitorOf } from './visitor.ts';

const BODY_BYTES_MAX = 4096;

export async function sessionRoute(
  deps: PageDeps,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  if (!hasMethod(request, response, 'GET', 'HEAD', 'POST', 'DELETE')) return;
  if (request.method === 'POST') await signIn(deps, request, response);
  else if (request.method === 'DELETE')
    sendNothing(response, { 'set-cookie': [...deps.cookies.forget(request)] });
  else await describe(deps, request, response);
}

async function describe(deps: PageDeps, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const token = deps.cookies.tokenOf(request);
  const greeted = await greet(deps, request, response, token);
  if (!greeted.ok) {
    if (greeted.error.code !== 'bad-token') return sendFault(response, greeted.error);
    // So that a token that is wrong now is not tried again each time.
    return sendJson(response, 401, TOKEN_NEEDED, { 'set-cookie': [...deps.cookies.forget(request)] });
  }
  const { name, rights, prefix, version } = greeted.value;
  // Without a name and without rights: somebody who must say a token first.
  if (name === '' && (rights as readonly unknown[]).length === 0)
    return sendJson(response, 401, TOKEN_NEEDED);
  sendJson(response, 200, { name, rights, prefix, anonymous: name === '', version });
}

const TOKEN_NEEDED = { error: 'token-needed' };

async function signIn(deps: PageDeps, request: IncomingMessage, response: ServerResponse): Promise<void> {
  // Another page could send any other type without asking first.
  if (!/^application\/json\s*(;|$)/i.test(request.headers['content-type'] ?? '')) {
    return sendText(response, 415, 'the body must be application/json');
  }
  const body = await bodyOf(request);
  if (body === null) {
    response.shouldKeepAlive = false;
    return sendText(response, 413, `the body may have ${BODY_BYTES_MAX} bytes`);
  }
  const token = tokenIn(body);
  if (token === null) return sendText(response, 400, 'the body must be {"token": "…"}');
  const cookie = deps.cookies.keep(request, token);
  if (cookie === null) return sendText(response, 400, 'the token is too long for a cookie');
  const greeted = await greet(deps, request, response, token);
  if (greeted.ok) sendNothing(response, { 'set-cookie': cookie });
  else if (greeted.error.code === 'bad-token') sendJson(response, 401, { error: 'bad-token' });
  else sendFault(response, greeted.error);
}

/** Says `hello`. A token waits for its turn, if many from the visitor's address were wrong. */
export async function greet(
  deps: PageDeps,
  request: IncomingMessage,
  response: ServerResponse,
  token: string | undefined,
) {
  if (request.socket.destroyed) return GONE;
  const client = openClient(deps, visitorOf(request.socket));
  response.once('close', client.destroy);
  const greeted = await client.ask(helloOf(token));
  response.off('close', client.destroy);
  client.end();
  return greeted;
}

export const helloOf = (token: string | undefined): JsonHeader => ({
  cmd: 'hello',
  ...(token !== undefined && { token }),
});

const GONE = { ok: false, error: serviceFault('unavailable', 'the client is gone') } as const;

/** Null when it is too long. Rejects when the client goes away in the middle of it. */
async function bodyOf(request: IncomingMessage): Promise<string | null> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of request.iterator({ destroyOnReturn: false })) {
    length += chunk.length;
    if (length > BODY_BYTES_MAX) return null;
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString();
}

function tokenIn(body: string): string | null {
  try {
    const { token } = JSON.parse(body) ?? {};
    return typeof token === 'string' && token !== '' ? token : null;
  } catch {
    return null;
  }
}
