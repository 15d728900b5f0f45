/**
 * The four requests that the store makes of S3: PUT, GET of a range, DELETE and LIST.
 *
 * A PUT is never made again under the same name: one that timed out may still land, and then harms nothing, since no row
 * names it.
 */
import { createHash } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import { EngineFault } from '../engine-fault.ts';
import { type Patience, retrying } from '../retrying.ts';
import { createHttpClient, type HttpClient, textOf } from './http.ts';
import { type ListedPage, parseListing } from './list-page.ts';
import { refusalOf } from './s3-fault.ts';
import { type Credentials, createSigner, type Signer } from './sign.ts';

export interface BucketSettings {
  readonly endpoint: URL;
  readonly region: string;
  readonly bucket: string;
  readonly credentials: Credentials;
  readonly connectionsMax: number;
  /** Milliseconds in which the next bytes must come. */
  readonly quietMs: number;
}

export interface Bucket {
  /** Writes an object; answers its name, which `nameOf` makes for each try. The pieces stay unchanged meanwhile. */
  put(nameOf: () => string, pieces: readonly Uint8Array[]): Promise<string>;
  /** The bytes from `from` on, `length` of them, as a stream that the caller reads or destroys. */
  get(object: string, from: number, length: number): Promise<IncomingMessage>;
  /** Deletes objects, as far as they are there. */
  delete(object: string): Promise<void>;
  /** The objects whose names start with `prefix`, by pages. */
  list(prefix: string, token: string | undefined): Promise<ListedPage>;
  /** Asks for a sign of life, once. @throws an `EngineFault`. */
  ping(): Promise<void>;
  usage(): { readonly connections: number; readonly waiting: number };
  /** Milliseconds until the last request was answered; null before the first. */
  latencyMs(): number | null;
  /** Whether the last request was answered, and not by a fault of the store's own; null before the first. */
  isUp(): boolean | null;
  /** Requests that were sent, by method: a list is a `LIST`. */
  readonly requests: Readonly<Record<'PUT' | 'GET' | 'DELETE' | 'LIST', number>>;
  close(): void;
}

interface BucketState {
  readonly settings: BucketSettings;
  readonly http: HttpClient;
  readonly sign: Signer;
  readonly patience: Patience;
  readonly requests: Record<'PUT' | 'GET' | 'DELETE' | 'LIST', number>;
  latency: number | null;
  isUp: boolean | null;
}

interface BucketRequest {
  readonly method: 'PUT' | 'GET' | 'DELETE';
  /** Default the bucket itself. */
  readonly object?: string;
  readonly query?: Readonly<Record<string, string>>;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: readonly Uint8Array[];
}

/** What no object's name begins with: a list of those is short. */
const PINGED = '/';

/** The most bytes of an answer that is no object: a page of a list has a thousand names of at most 1,024 bytes. */
const ANSWER_BYTES_MAX = 4 * 1024 * 1024;

export function connectBucket(settings: BucketSettings, patience: Patience): Bucket {
  const state: BucketState = {
    settings,
    http: createHttpClient(settings.endpoint, settings.connectionsMax, settings.quietMs),
    sign: createSigner(settings.credentials, settings.region),
    patience,
    requests: { PUT: 0, GET: 0, DELETE: 0, LIST: 0 },
    latency: null,
    isUp: null,
  };
  return {
    put: (nameOf, pieces) => put(state, nameOf, pieces),
    get: (object, from, length) => retrying(patience, () => get(state, object, from, length)),
    delete: (object) => retrying(patience, () => remove(state, object)),
    list: (prefix, token) => retrying(patience, () => list(state, prefix, token)),
    ping: () => list(state, PINGED, undefined).then(() => {}),
    usage: state.http.usage,
    latencyMs: () => state.latency,
    isUp: () => state.isUp,
    requests: state.requests,
    close: state.http.close,
  };
}

async function send(state: BucketState, request: BucketRequest): Promise<IncomingMessage> {
  const { settings, http, sign } = state;
  const { method, object, query = {}, headers = {}, body } = request;
  state.requests[object === undefined ? 'LIST' : method]++;
  const path = `${settings.endpoint.pathname.replace(/\/$/, '')}/${settings.bucket}${object === undefined ? '' : `/${object}`}`;
  const signed = await sign({ method, endpoint: settings.endpoint, path, query, headers });
  const url = new URL(settings.endpoint);
  url.pathname = path;
  for (const [name, value] of Object.entries(query)) url.searchParams.set(name, value);
  const from = performance.now();
  try {
    const response = await http.send({
      method,
      url,
      headers: signed,
      isStream: method === 'GET' && object !== undefined,
      ...(body && { body }),
    });
    state.latency = performance.now() - from;
    state.isUp = (response.statusCode ?? 0) < 500;
    return response;
  } catch (thrown) {
    state.isUp = false;
    throw thrown;
  }
}

async function put(state: BucketState, nameOf: () => string, pieces: readonly Uint8Array[]): Promise<string> {
  const hash = createHash('md5');
  let length = 0;
  for (const piece of pieces) {
    hash.update(piece);
    length += piece.length;
  }
  const md5 = hash.digest();
  const headers = { 'content-length': String(length), 'content-md5': md5.toString('base64') };
  return await retrying(state.patience, async () => {
    const object = nameOf();
    const response = await send(state, { method: 'PUT', object, headers, body: pieces });
    const text = await textOf(response, ANSWER_BYTES_MAX);
    if (response.statusCode !== 200) throw refusalOf(response, text);
    checkEtag(response, md5.toString('hex'));
    return object;
  });
}

/** An ETag is the MD5 of the content, unless the store encrypts with keys of its own. */
function checkEtag({ headers }: IncomingMessage, md5: string): void {
  const etag = /^"?([0-9a-f]{32})"?$/.exec(headers.etag ?? '')?.[1];
  const encryption = headers['x-amz-server-side-encryption'];
  const isEncrypted = encryption !== undefined && encryption !== 'AES256';
  if (etag === undefined || etag === md5 || isEncrypted) return;
  throw new EngineFault(
    's3',
    `has stored other bytes than it was sent: their ETag is ${etag}, and must be ${md5}`,
    {
      code: 'io-error',
      word: 'ETag',
      isPassing: true,
    },
  );
}

async function get(
  state: BucketState,
  object: string,
  from: number,
  length: number,
): Promise<IncomingMessage> {
  const headers = { range: `bytes=${from}-${from + length - 1}` };
  const response = await send(state, { method: 'GET', object, headers });
  const { statusCode } = response;
  if (statusCode !== 206 && !(statusCode === 200 && from === 0)) {
    throw refusalOf(response, await textOf(response, ANSWER_BYTES_MAX));
  }
  return response;
}

async function remove(state: BucketState, object: string): Promise<void> {
  const response = await send(state, { method: 'DELETE', object });
  const text = await textOf(response, ANSWER_BYTES_MAX);
  const { statusCode = 0 } = response;
  if (statusCode !== 404 && (statusCode < 200 || statusCode > 299)) throw refusalOf(response, text);
}

async function list(state: BucketState, prefix: string, token: string | undefined): Promise<ListedPage> {
  const query = {
    'list-type': '2',
    'max-keys': '1000',
    prefix,
    ...(token === undefined ? {} : { 'continuation-token': token }),
  };
  const response = await send(state, { method: 'GET', query });
  const text = await textOf(response, ANSWER_BYTES_MAX);
  if (response.statusCode !== 200) throw refusalOf(response, text);
  return parseListing(text, response.headers.date);
}
