/** Answers of the page's server that are no files. */
import type { IncomingMessage, OutgoingHttpHeaders, ServerResponse } from 'node:http';
import { catalogue, type ServiceFault } from '../../files/protocol/errors.ts';

/** Browsers show none of it as a page, and no other page may use it. */
const ANSWER_HEADERS = {
  'cache-control': 'no-store',
  'x-content-type-options': 'nosniff',
  'content-security-policy': "default-src 'none'; frame-ancestors 'none'",
  'cross-origin-resource-policy': 'same-origin',
};

/** Node omits the text in an answer to HEAD. */
export function sendText(
  response: ServerResponse,
  status: number,
  text: string,
  headers: OutgoingHttpHeaders = {},
): void {
  const bytes = Buffer.from(`${text}\n`);
  const type = { 'content-type': 'text/plain; charset=utf-8', 'content-length': bytes.length };
  response.writeHead(status, { ...ANSWER_HEADERS, ...type, ...headers }).end(bytes);
}

export function sendJson(
  response: ServerResponse,
  status: number,
  value: object,
  headers: OutgoingHttpHeaders = {},
): void {
  const bytes = Buffer.from(`${JSON.stringify(value)}\n`);
  const type = { 'content-type': 'application/json', 'content-length': bytes.length };
  response.writeHead(status, { ...ANSWER_HEADERS, ...type, ...headers }).end(bytes);
}

export function sendNothing(response: ServerResponse, headers: OutgoingHttpHeaders = {}): void {
  response.writeHead(204, { ...ANSWER_HEADERS, ...headers }).end();
}

/** Whether the request has one of these methods; else it is refused. */
export function hasMethod(
  { method }: IncomingMessage,
  response: ServerResponse,
  ...methods: readonly string[]
): boolean {
  if (methods.includes(method ?? '')) return true;
  sendText(response, 405, `only ${methods.join(', ')}`, { allow: methods.join(', ') });
  return false;
}

/** The status of an error of the file service. A name outside of one's own is as if it were not there. */
export function statusOf({ code, prefix }: ServiceFault): number {
  switch (code) {
    case 'not-found':
    case 'bad-filename':
    case 'not-a-file':
    case 'name-conflict':
      return 404;
    case 'not-authenticated':
    case 'bad-token':
      return 401;
    case 'forbidden':
      return prefix === undefined ? 403 : 404;
    case 'bad-request':
      return 400;
    case 'too-many-connections':
    case 'too-many-open-files':
    case 'busy':
    case 'shutting-down':
    case 'unavailable':
    case 'timed-out':
      return 503;
    default:
      return 500;
  }
}

/** Answers with an error of the file service; behind the first bytes of a file there is nothing but to break off. */
export function sendFault(
  response: ServerResponse,
  error: ServiceFault,
  headers: OutgoingHttpHeaders = {},
): void {
  if (response.headersSent) {
    response.destroy();
    return;
  }
  const status = statusOf(error);
  const text = status === 404 ? catalogue['not-found'].message : error.message;
  sendText(response, status, text, { ...(status === 503 && { 'retry-after': '5' }), ...headers });
}
