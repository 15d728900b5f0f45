/** The files of the page itself, as they were built. */
import { existsSync } from 'node:fs';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { join } from 'node:path';
import sirv from 'sirv';
import { hasMethod, sendText } from './respond.ts';

export type ServeStatic = (request: IncomingMessage, response: ServerResponse) => void;

/** No script, style or frame but the page's own, and the page in nobody's frame. */
const PAGE_HEADERS = {
  'content-security-policy': [
    "default-src 'none'",
    "script-src 'self'",
    "style-src 'self'",
    "img-src 'self' blob:",
    "connect-src 'self'",
    "worker-src 'self'",
    "font-src 'self'",
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
    "frame-src 'self' blob:",
  ].join('; '),
  'x-content-type-options': 'nosniff',
  'referrer-policy': 'no-referrer',
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-resource-policy': 'same-origin',
};
/** The names of these files have a hash of their content. */
const HASHED = /^\/assets\//;

/** @param dir the folder of the page, which is read now and does not change. */
export function staticFiles(dir: string): ServeStatic {
  if (!existsSync(join(dir, 'index.html'))) {
    return (_, response) => sendText(response, 503, 'the page was not built: npm run build makes it');
  }
  const serve = sirv(dir, {
    etag: true,
    brotli: true,
    setHeaders: (response, path) => {
      for (const [name, value] of Object.entries(PAGE_HEADERS)) response.setHeader(name, value);
      const kept = HASHED.test(path) ? 'public, max-age=31536000, immutable' : 'no-cache';
      response.setHeader('cache-control', kept);
    },
  });
  return (request, response) => {
    if (!hasMethod(request, response, 'GET', 'HEAD')) return;
    // Small files are sent whole: the ranges of the static server are not those of the standard.
    delete request.headers.range;
    // It leaves the file open when the client goes away.
    response.once('pipe', (source) => response.once('close', () => source.destroy()));
    serve(request, response, () => sendText(response, 404, 'there is no such page'));
  };
}
