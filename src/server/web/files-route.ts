/** `GET /files/NAME`: a download, or a preview with `?inline`. It is a `stat` and a `get` to the file service. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { serviceFault } from '../../files/protocol/errors.ts';
import type { FileInfo } from '../../files/protocol/file.ts';
import type { Outcome } from '../../store/contract.ts';
import { answerFor, type FileAnswer } from './file-headers.ts';
import type { FrameClient } from './frame-client.ts';
import { openClient, type PageDeps } from './page-deps.ts';
import { hasMethod, sendFault } from './respond.ts';
import { helloOf } from './session-route.ts';
import { visitorOf } from './visitor.ts';

export const FILES = '/files/';

/** How often a file may be replaced between the `stat` and the `get` before the request is refused. */
const TRIES = 3;

const NO_SUCH_FILE = serviceFault('not-found');
const REPLACED = serviceFault('unavailable', 'the file is being replaced');

export async function filesRoute(
  deps: PageDeps,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  if (!hasMethod(request, response, 'GET', 'HEAD')) return;
  const [path = '', query = ''] = (request.url ?? '').split('?', 2);
  const name = nameIn(path);
  if (name === null) return sendFault(response, NO_SUCH_FILE);
  const isInline = new URLSearchParams(query).has('inline');
  for (let tries = 0; tries < TRIES && !response.destroyed; tries++) {
    const client = openClient(deps, visitorOf(request.socket));
    // The server's side waits for the end of ours, so a shutdown waits until the client has everything.
    response.once('close', () => (response.writableFinished ? client.end() : client.destroy()));
    const isAnswered = await answerFrom(
      client,
      name,
      isInline,
      deps.cookies.tokenOf(request),
      request,
      response,
    );
    if (isAnswered) return;
    client.destroy();
  }
  if (!response.destroyed) sendFault(response, REPLACED);
}

/**
 * The name in a path, each segment of which is encoded; null when there can be no such file. A `/` has one way to be
 * written, so that a file has one address.
 */
export function nameIn(path: string): string | null {
  const name = path.slice(FILES.length);
  if (/%2f/i.test(name)) return null;
  try {
    return decodeURIComponent(name);
  } catch {
    return null;
  }
}

/** Answers false, having sent nothing, when the file was replaced meanwhile. */
async function answerFrom(
  client: FrameClient,
  filename: string,
  isInline: boolean,
  token: string | undefined,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<boolean> {
  const known = await askFor(client, filename, token);
  if (response.destroyed) return true;
  if (!known.ok) {
    sendFault(response, known.error);
    return true;
  }
  const file = known.value;
  const { method, headers } = request;
  const answer = answerFor(file, { method, headers, isInline });
  if (method === 'HEAD' || !('length' in answer)) {
    response.writeHead(answer.status, answer.headers).end();
    return true;
  }
  return sendRange(client, file, answer, response);
}

async function askFor(
  client: FrameClient,
  filename: string,
  token: string | undefined,
): Promise<Outcome<FileInfo>> {
  if (token !== undefined) {
    const greeted = await client.ask(helloOf(token));
    if (!greeted.ok) return greeted;
  }
  const known = await client.ask({ cmd: 'stat', filename });
  if (!known.ok) return known;
  const { size, mtime, crc32 } = known.value as unknown as FileInfo;
  return { ok: true, value: { name: filename, size, mtime, ...(crc32 !== undefined && { crc32 }) } };
}

/** Sends a part of a file, as fast as the client takes it. */
async function sendRange(
  client: FrameClient,
  file: FileInfo,
  { status, headers, offset, length }: Extract<FileAnswer, { readonly length: number }>,
  response: ServerResponse,
): Promise<boolean> {
  let isReplaced = false;
  response.on('drain', client.resume);
  const sent = await client.ask({ cmd: 'get', filename: file.name, offset, length }, (ack) => {
    if (!isSame(file, ack as unknown as FileInfo)) {
      isReplaced = true;
      // The whole of another file need not come.
      client.destroy();
      return null;
    }
    response.writeHead(status, headers);
    return (bytes) => {
      if (!response.write(bytes)) client.pause();
    };
  });
  response.off('drain', client.resume);
  if (isReplaced) return false;
  if (sent.ok) response.end();
  // Shorter now than it was.
  else if (sent.error.code === 'bad-range') return false;
  else sendFault(response, sent.error);
  return true;
}

const isSame = (one: FileInfo, other: FileInfo): boolean =>
  one.size === other.size &&
  one.mtime === other.mtime &&
  (one.crc32 === undefined || other.crc32 === undefined || one.crc32 === other.crc32);
